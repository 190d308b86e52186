package meter

import (
	"strings"
	"testing"
)

func TestNamesThatCouldBeTakenForAnother(t *testing.T) {
	for name, fine := range map[string]bool{
		"shop": true, "a b": true, "a/b": true, "日本 支店": true, "日本\u3000支店": true, "Łódź": true, "🦉": true, "שלום": true,
		strings.Repeat("a", MaxName): true, strings.Repeat("é", MaxName): true,
		" shop": false, "shop ": false, "shop\u3000": false, "shop\u00a0": false, "sh\u00a0op": false, "sh\u2003op": false,
		"\u200bshop": false, "sh\u200dop": false, "sh\u00adop": false, "\ufeffshop": false, "sh\u202eop": false, "\u2067shop": false,
		"shop\ufe0f": false, "\u3164": false, "a\u2800b": false, "a\U000e0041b": false, "a\u034fb": false,
	} {
		if wrong := CheckName(name); wrong != "" {
			t.Errorf("%q as text: %s", name, wrong)
		}
		if wrong := CheckLook(name); (wrong == "") != fine {
			t.Errorf("%q: %q, fine: %v", name, wrong, fine)
		}
		if quoted := Quote(name); (quoted == name) != fine {
			t.Errorf("%q is printed as %s", name, quoted)
		}
	}
	if Normal("cafe\u0301") != "caf\u00e9" || Quote("cafe\u0301") != `"cafe\u0301"` || CheckLook("cafe\u0301") != "" {
		t.Errorf("e and its accent: %s, %s, %s", Normal("cafe\u0301"), Quote("cafe\u0301"), CheckLook("cafe\u0301"))
	}
	if n := testing.AllocsPerRun(100, func() { Normal("customer-000001"); CheckName("customer-000001"); CheckLook("customer-000001") }); n != 0 {
		t.Errorf("an ASCII name allocates %v times", n)
	}
}
