package problem

import (
	"fmt"
	"net/http"

	"github.com/eduardosanzb/flagmeter/internal/store"
)

// InvalidKey says what is wrong with a request for a new API key.
func InvalidKey(field, detail string) *Problem {
	p := New(http.StatusBadRequest, "invalid-key", "Invalid API key", "no key was made")
	p.Errors = []FieldError{{Field: field, Detail: detail}}
	return p
}

// UnknownKey is about a key that does not exist, or that the caller may not know of.
func UnknownKey() *Problem {
	return New(http.StatusNotFound, "unknown-key", "Unknown API key", "there is no API key of that id")
}

// TooManyKeys is about a limit of keys; tenant is the name that people see. Waiting helps only with
// those an hour.
func TooManyKeys(e *store.KeyLimitError, tenant string) *Problem {
	of := "the deployment"
	if e.Tenant != "" {
		of = fmt.Sprintf("tenant %q", Clip(tenant))
	}
	if e.After > 0 {
		p := New(http.StatusTooManyRequests, "keys-rate-limited", "Too many new API keys",
			fmt.Sprintf("%s may get %d API keys an hour; no key was made", of, e.Most))
		p.RetryAfter = e.After
		return p
	}
	return New(http.StatusConflict, "too-many-keys", "Too many API keys",
		fmt.Sprintf("%s has as many live API keys as it may have, %d: revoke one that is not used; "+
			"no key was made", of, e.Most))
}

// InvalidTenant says what is wrong with a change of a tenant.
func InvalidTenant(field, detail string) *Problem {
	p := New(http.StatusBadRequest, "invalid-tenant", "Invalid tenant", "nothing was changed")
	p.Errors = []FieldError{{Field: field, Detail: detail}}
	return p
}

// NameTaken is about a name that leads to another tenant.
func NameTaken(name string) *Problem {
	return New(http.StatusConflict, "name-taken", "The name is taken", fmt.Sprintf(
		"%q is a name of another tenant, now or from before; nothing was changed", Clip(name)))
}
