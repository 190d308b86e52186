package native

import "github.com/eduardosanzb/flagmeter/internal/meter"

// maxNames bounds a nameCache. Names of 128 characters of four bytes would take 1 MiB.
const maxNames = 2_048

// nameCache makes one string of a tenant's or feature's name that comes again and
// again, and checks it once: 1,000 events of 20 tenants copy 20 names. Every name in
// it is valid and not odd. Not safe for concurrent use.
type nameCache map[string]string

// get is text as a string, or what is wrong with it as a name. It is odd if it could be taken
// for another name, as it is or until it is in normal form; who has such a name pays for this
// with each event.
func (c nameCache) get(text []byte) (name string, odd bool, wrong string) {
	if name, ok := c[string(text)]; ok { // without a copy of text
		return name, false, ""
	}
	name = string(text)
	if wrong := meter.CheckName(name); wrong != "" {
		return "", false, wrong
	}
	if meter.CheckLook(name) != "" || !meter.IsNormal(name) {
		return name, true, ""
	}
	if len(c) == maxNames {
		clear(c)
	}
	c[name] = name
	return name, false, ""
}
