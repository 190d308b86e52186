package tenants

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

// rename gives a tenant names, the last of which is shown.
func (r *rig) rename(key string, names ...string) {
	r.Helper()
	for _, name := range names {
		if err := r.Rename(r.Context(), key, name); err != nil {
			r.Fatal(err)
		}
	}
}

func (r *rig) leads(d *Directory, to string, names ...string) {
	r.Helper()
	for _, name := range names {
		if t, ok := d.Get(name); !ok || t.Name != to {
			r.Errorf("%q leads to %+v, %v; want %s", name, t, ok, to)
		}
	}
}

// A process that starts while Postgres is away takes events under every name.
func TestTheCopyHasEveryName(t *testing.T) {
	t.Parallel()
	r := newRig(t, stacktest.Own(t))
	r.exec(`INSERT INTO tenants (name) VALUES ('acme'), ('globex');
		INSERT INTO kept_features VALUES ('globex', 'chat ')`)
	r.refresh()
	plain, err := r.valkey.TenantsCopy().Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r.rename("acme", "two", "three", "two")
	want := slices.Clone(r.All())
	r.env.Stack.Postgres.Kill()

	later := r.another()
	if err := later.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.leads(later, "acme", "acme", "two", "three")
	got, _ := later.Get("three")
	if got.Shown() != "two" || !slices.Equal(got.Aliases, []string{"three", "two"}) {
		t.Errorf("%+v", got)
	}
	if !slices.EqualFunc(later.All(), want, equal) || !later.Keeps("globex", "chat ") ||
		later.Keeps("acme", "chat ") || later.Keeps("globex", "chat") {
		t.Errorf("%+v", later.All())
	}
	// What the version before reads, and compares with its own copy, is the same to the byte.
	copy, err := r.valkey.TenantsCopy().Load(t.Context())
	if err != nil || string(copy) != string(plain) {
		t.Errorf("the copy was %s and is %s, %v", plain, copy, err)
	}
	var rows []struct{ Name string }
	if err := json.Unmarshal(copy, &rows); err != nil || len(rows) != 2 || rows[0].Name != "acme" {
		t.Errorf("%s: %v", copy, err)
	}
}

// A copy that the version before has left has no names: its tenants have their keys.
func TestACopyOfTheVersionBefore(t *testing.T) {
	t.Parallel()
	r := newRig(t, stacktest.Own(t))
	if err := r.valkey.TenantsCopy().Save(t.Context(),
		[]byte(`[{"name":"acme","billingDay":1,"timezone":"UTC","thresholds":[80]}]`)); err != nil {
		t.Fatal(err)
	}
	r.env.Stack.Postgres.Kill()
	if err := r.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.leads(r.Directory, "acme", "acme")
	if got := r.get("acme"); got.Shown() != "acme" || got.Aliases != nil {
		t.Errorf("%+v", got)
	}
}

// A database that is restored from before gets what Valkey knows: tenants and names, however
// they look, because usage may be counted under them.
func TestMissingNamesAreAdded(t *testing.T) {
	r := newRig(t, stacktest.New(t))
	r.exec(`BEGIN; SET LOCAL flagmeter.keep_names = 'on'; INSERT INTO tenants (name)
		VALUES ('acme'), ('shop '), ('globex'), ('kept'); COMMIT`)
	r.rename("acme", "two", "three")
	r.rename("shop ", "shop 2")
	r.rename("globex", "taken", "free")
	r.rename("kept", "kept-2")
	stacktest.ForgetTenants(t, r.env.DB, "acme", "shop ", "globex", "kept")
	// The backup has one of them, without its names, of which somebody else has one since, and
	// one that was renamed otherwise.
	r.exec("INSERT INTO tenants (name) VALUES ('globex'), ('taken'), ('kept')")
	r.exec("UPDATE tenants SET display_name = 'kept-3' WHERE name = 'kept'")

	added, err := r.AddMissing(t.Context())
	if err != nil || !slices.Equal(added, []string{"acme", "shop "}) {
		t.Errorf("added %q, %v", added, err)
	}
	r.refresh()
	r.leads(r.Directory, "acme", "acme", "two", "three")
	r.leads(r.Directory, "shop ", "shop ", "shop 2")
	r.leads(r.Directory, "globex", "globex", "free")
	r.leads(r.Directory, "taken", "taken")
	r.leads(r.Directory, "kept", "kept", "kept-3")
	for key, shown := range map[string]string{
		"acme": "three", "shop ": "shop 2", "globex": "free", "kept": "kept-3",
	} {
		if got := r.get(key); got.Shown() != shown {
			t.Errorf("%s is shown as %q, want %q", key, got.Shown(), shown)
		}
	}
	if again, err := r.AddMissing(t.Context()); err != nil || again != nil {
		t.Errorf("a second time: %q, %v", again, err)
	}
}

// BenchmarkGet is what it costs to find a tenant by its key, by an alias, and not at all.
func BenchmarkGet(b *testing.B) {
	d := New(nil, nil, nil)
	d.list.Store(newList(rows{tenants: []meter.Tenant{
		{Name: "acme-corp", Aliases: []string{"acme-holding"}}, {Name: "globex"}}}))
	for _, name := range []string{"acme-corp", "acme-holding", "nobody"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				d.Get(name)
			}
		})
	}
}
