package scripts

import "testing"

func TestTheCopyOfTenantsIsWhatWasSavedLast(t *testing.T) {
	r := newRig(t)
	if got, err := r.LoadTenants(t.Context()); got != nil || err != nil {
		t.Errorf("before the first: %q, %v; want nil", got, err)
	}
	for _, want := range []string{"first", "sec\x00nd\n"} {
		if err := r.SaveTenants(t.Context(), []byte(want)); err != nil {
			t.Fatal(err)
		}
		if got, err := r.LoadTenants(t.Context()); string(got) != want || err != nil {
			t.Errorf("got %q, %v; want %q", got, err, want)
		}
	}
}
