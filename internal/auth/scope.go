package auth

import (
	"fmt"
	"strings"

	"github.com/eduardosanzb/flagmeter/internal/store"
)

// Scope is a set of what somebody may do.
type Scope uint8

const (
	// Ingest is to send events.
	Ingest Scope = 1 << iota
	// Read is to see usage, alerts and raw events.
	Read
	// Admin is to manage keys. It comes with the other two.
	Admin
)

// everything is what a key of scope admin may do.
const everything = Ingest | Read | Admin

// Scopes are the names of what a key may do, the least first.
var Scopes = []string{"ingest", "read", "admin"}

// ParseScope is the scope of a name; admin has all three.
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

// ParseScopes is the scope of several names with spaces between, like "ingest read".
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

// ScopeOf is what a stored key may do. What this version does not know it leaves out.
func ScopeOf(k store.APIKey) Scope {
	all, _ := ParseScope(k.Scope)
	for _, name := range k.MoreScopes {
		one, _ := ParseScope(name)
		all |= one &^ Admin
	}
	return all
}

// Names are those of s, the least first; admin stands for all that comes with it.
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

// Need is what a route asks of whoever calls it. The zero value is no declaration, and
// nobody meets it.
type Need uint8

const (
	// Nobody is the Need of a route that declares none.
	Nobody Need = iota
	// Public is for everybody, without a credential.
	Public
	// ToIngest, ToRead and ToAdmin ask for a scope. What is shown or changed is that of the
	// tenant that the credential is bound to.
	ToIngest
	ToRead
	ToAdmin
	// ToReadAll asks for Read, of all tenants: what is shown cannot be divided.
	ToReadAll
	// ToAdminAll asks for Admin, of all tenants: it changes what tenants may not change themselves.
	ToAdminAll
)

// scope is what a need asks for; no scope contains that of Nobody.
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
