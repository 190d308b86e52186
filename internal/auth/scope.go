package auth

import (
	"fmt"
	"strings"

	"github.com/eduardosanzb/flagmeter/internal/store"
)

// Scope is a set of permissions.
type Scope uint8

const (
	// Ingest permits sending events.
	Ingest Scope = 1 << iota
	// Read permits seeing usage, alerts and raw events.
	Read
	// Admin permits managing keys. It includes the other two.
	Admin
)

// everything is the scope of a key of scope admin.
const everything = Ingest | Read | Admin

// Scopes are the names of scopes, the least first.
var Scopes = []string{"ingest", "read", "admin"}

// ParseScope returns the scope of a name; admin includes all three.
func ParseScope(name string) (Scope, error) {
	switch name {
	case "ingest":
		return Ingest, nil
	case "read":
		return Read, nil
	case "admin":
		return everything, nil
	}
	return 0, fmt.Errorf("must be one of %s", strings.Join(Scopes, ", "))
}

// ParseScopes returns the scope of several names with spaces between, like "ingest read".
func ParseScopes(names string) (all Scope, err error) {
	for name := range strings.FieldsSeq(names) {
		one, err := ParseScope(name)
		if err != nil {
			return 0, fmt.Errorf("%w, or several of them with spaces between", err)
		}
		all |= one
	}
	if all == 0 {
		_, err = ParseScope("")
	}
	return all, err
}

// ScopeOf returns the scope of a stored key, without scopes that this version does not know.
func ScopeOf(k store.APIKey) Scope {
	all, _ := ParseScope(k.Scope)
	for _, name := range k.MoreScopes {
		one, _ := ParseScope(name)
		all |= one &^ Admin
	}
	return all
}

// Names returns the names of s, the least first; admin stands for everything that it includes.
func (s Scope) Names() []string {
	if s&Admin != 0 {
		return []string{"admin"}
	}
	var names []string
	for i, name := range Scopes {
		if s&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return names
}

// String is the names of s with a space between.
func (s Scope) String() string { return strings.Join(s.Names(), " ") }

// Need is what a route requires of its caller. The zero value declares nothing, and no caller meets
// it.
type Need uint8

const (
	// Nobody is the Need of a route that declares none.
	Nobody Need = iota
	// Public requires no credential.
	Public
	// ToIngest, ToRead and ToAdmin require a scope. The route shows or changes data of the tenant
	// that the credential is bound to.
	ToIngest
	ToRead
	ToAdmin
	// ToReadAll requires Read for all tenants: the data cannot be divided.
	ToReadAll
	// ToAdminAll requires Admin for all tenants: it changes what tenants may not change themselves.
	ToAdminAll
)

// scope returns the scope that a need requires; no scope contains that of Nobody.
func (n Need) scope() Scope {
	switch n {
	case Public:
		return 0
	case ToIngest:
		return Ingest
	case ToRead, ToReadAll:
		return Read
	case ToAdmin, ToAdminAll:
		return Admin
	}
	return 1 << 7
}

// String names the need as a refusal does.
func (n Need) String() string {
	switch n {
	case Public:
		return "public"
	case ToReadAll:
		return "read for all tenants"
	case ToAdminAll:
		return "admin for all tenants"
	case Nobody:
		return "undeclared"
	}
	if n == ToAdmin {
		return "admin"
	}
	return n.scope().String()
}
