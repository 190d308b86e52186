package scripts

import "testing"

func TestACopyIsWhatWasSavedLast(t *testing.T) {
	r := newRig(t)
	for name, c := range map[string]Copy{"tenants": r.TenantsCopy(), "keys": r.KeysCopy()} {
		if got, err := c.Load(t.Context()); got != nil || err != nil {
			t.Errorf("%s before the first: %q, %v; want nil", name, got, err)
		}
		for _, want := range []string{name, "sec\x00nd\n" + name} {
			if err := c.Renew(t.Context(), []byte(want)); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, c := range map[string]Copy{"tenants": r.TenantsCopy(), "keys": r.KeysCopy()} {
		want := "sec\x00nd\n" + name
		if got, err := c.Load(t.Context()); string(got) != want || err != nil {
			t.Errorf("%s: got %q, %v; want %q", name, got, err, want)
		}
		if has, err := c.Has(t.Context(), []byte(name)); has || err != nil {
			t.Errorf("%s: has the first one: %v, %v", name, has, err)
		}
	}
}
