package query

import "testing"

func TestCellsThatLookLikeFormulas(t *testing.T) {
	for cell, want := range map[string]string{
		"": "", "a": "a", "1": "1", "a=1": "a=1", "gpt-4-turbo": "gpt-4-turbo", "a b = c": "a b = c", "'=1": "'=1", "a;b|c": "a;b|c",
		"=1": "'=1", "+1": "'+1", "-1": "'-1", "@a": "'@a", "\ta": "'\ta", "\ra": "'\ra",
		" =1": "' =1", "\u00a0=1": "'\u00a0=1", "\u3000+1": "'\u3000+1", "\u200b@a": "'\u200b@a", "\ufeff-1": "'\ufeff-1", `"=1`: `'"=1`,
		"＝1+1": "'＝1+1", "＋1": "'＋1", "－1": "'－1", "＠a": "'＠a",
		"x;=1+1": "x;'=1+1", "x|@a": "x|'@a", "x\t=1": "x\t'=1", "x\n=1": "x\n'=1", "x; ＝1": "x;' ＝1", `x;"=1`: `x;'"=1`,
		"=1;=2;a;+3": "'=1;'=2;a;'+3", ";=1": ";'=1", "é;=é": "é;'=é", "a;'=1": "a;'=1", "\t=1": "'\t'=1",
	} {
		if got := defuse(cell); got != want {
			t.Errorf("%q becomes %q, want %q", cell, got, want)
		}
	}
}
