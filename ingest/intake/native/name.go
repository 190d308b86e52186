package native

import (
	"cmp"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// keptNames knows the names from before that new tenants and features may not have.
type keptNames interface {
	// Knows reports whether a name is, to the byte, one of a tenant's.
	Knows(tenant string) bool
	// Keeps reports whether a tenant goes on with a feature of that name.
	Keeps(tenant, feature string) bool
}

// nameIn reads the name of a tenant or a feature. One that a new tenant or feature may not have is
// noted in d.odd: what becomes of it depends on the whole event.
func (d *eventDecoder) nameIn(value jsontext.Value, as field) (name, wrong string) {
	text, wrong := textIn(value)
	if wrong != "" {
		return "", wrong
	}
	name, odd, wrong := d.names.get(text)
	if odd || as == fieldTenant && meter.CheckReserved(name) != "" {
		d.odd |= as
	}
	return name, wrong
}

// finishNames decides about the odd names of an event. One that is in use as it is stays so,
// byte for byte. Any other is brought into normal form, and refused if it is still odd.
func (d *eventDecoder) finishNames(event *meter.Event) {
	if d.odd&fieldTenant != 0 && (d.kept == nil || !d.kept.Knows(event.Tenant)) {
		d.finishName(fieldTenant, &event.Tenant)
	}
	if d.odd&fieldFeature != 0 && (d.kept == nil || !d.kept.Keeps(event.Tenant, event.Feature)) {
		d.finishName(fieldFeature, &event.Feature)
	}
}

func (d *eventDecoder) finishName(as field, name *string) {
	*name = meter.Normal(*name)
	wrong := meter.CheckName(*name) // some characters become two or three
	if as == fieldTenant {
		wrong = cmp.Or(wrong, meter.CheckReserved(*name))
	}
	if wrong = cmp.Or(wrong, meter.CheckLook(*name)); wrong != "" {
		d.fail(keyOf(as), wrong)
	}
}
