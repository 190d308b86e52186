package web

import (
	"encoding/json"
	"fmt"
	"path"
	"strings"
	"testing"

	"github.com/eduardosanzb/flagmeter/web/browsertest"
)

// testModules tests the modules that need no page, in the language that they are written in:
// what each expression gives, as JSON.
func testModules(t *testing.T, b *browsertest.Browser) {
	f := newFake(t)
	tab := b.Open(t, f.page())
	var imports []string
	for name := range load().assets {
		if module := strings.TrimSuffix(path.Base(name), ".js"); path.Ext(name) == ".js" && !strings.Contains(name, "vendor") && module != "main" {
			imports = append(imports, fmt.Sprintf("import(%q).then(m => modules[%q] = m)", name, module))
		}
	}
	tab.Eval("(window.modules = {}, Promise.all(["+strings.Join(imports, ",")+"]))", nil)
	for _, tc := range []struct{ module, expression, want string }{
		{"format", "[0, 9999, 10000, 1234567, 2.68e9].map(m.short)", `["0","9,999","10K","1.23M","2.68B"]`},
		{"whole", "m.parse('{\"a\":[9007199254740993,-9223372036854775808,9007199254740991,1.5],\"n\":null,\"t\":\"9007199254740993\"}')", `{"a":["9007199254740993","-9223372036854775808",9007199254740991,1.5],"n":null,"t":"9007199254740993"}`},
		{"whole", "m.parse('[9007199254740993,9223372036854775807,9007199254740991]').map(modules.format.count)", `["9,007,199,254,740,993","9,223,372,036,854,775,807","9,007,199,254,740,991"]`},
		{"whole", "m.parse('[9007199254740993,12]').map(n => [n > 12, Math.max(n, 5) + 1, modules.format.short(n) === modules.format.short(Number(n))])", `[[true,9007199254740992,true],[false,13,true]]`},
		{"format", "[2 ** 53, 2 ** 53 - 1].map(m.count)", `["≈ 9,007,199,254,740,992","9,007,199,254,740,991"]`},
		{"format", "[0, 99999999999, 1e11].map(m.amount)", `["0","99,999,999,999","100B"]`},
		{"format", "[0, 81.2, 100, 123456].map(m.percent)", `["0.00 %","81.20 %","100.00 %","123K %"]`},
		{"format", "[0, 999, 61000, 3600000, 187200000, 90061000, 864000000].map(m.duration)", `["0 s","0 s","1 min","1 h","2 d 4 h","1 d 1 h","10 d"]`},
		{"format", "[m.date('2026-11-25T23:30:00Z', 'Europe/Berlin'), m.date('2026-11-25T23:30:00Z', 'UTC'), m.date('2026-11-25T23:30:00Z', 'Mars/Base')]", `["2026-11-26","2026-11-25","2026-11-25"]`},
		{"format", "m.period('2026-10-31T23:00:00Z', '2026-11-30T23:00:00Z', 'Europe/Berlin').replaceAll('\u2009', ' ')", `"1 – 30 Nov"`},
		{"format", "['shop', 'a b', '日本\u3000支店', 'שלום', 'shop ', '\u200bshop', 'sh\u202eop', 'a\u00a0b', 'cafe\u0301', 'a\u0600b'].map(m.name)", `["shop","a b","日本\u3000支店","שלום","\"shop \"","\"\\u200bshop\"","\"sh\\u202eop\"","\"a\\u00a0b\"","\"cafe\\u0301\"","a\u0600b"]`},
		{"format", "m.exact('2026-11-25T23:30:05Z', 'Asia/Tokyo')", `"Thu, 26 Nov 2026, 08:30:05 (Asia/Tokyo)"`},

		{"router", "m.parse('')", `{"view":"overview","q":"","sort":"-percent","archived":""}`},
		{"router", "m.parse('#/t/acme-corp?range=7d&feature=a%26b')", `{"view":"tenant","name":"acme-corp","range":"7d","step":"","feature":"a&b","from":"","to":""}`},
		{"router", "['a/b?c#d', '100%', '..', ' ', '\u202e', '<img src=x>'].map(name => m.parse(m.write({...m.parse('#/t/x'), name})).name)", `["a/b?c#d","100%",".."," ","\u202e","\u003cimg src=x\u003e"]`},
		{"router", "['#/t/%', '#/t/', '#/nonsense', '#?q=x'].map(h => m.parse(h).view)", `["overview","overview","overview","overview"]`},
		{"router", "m.write({view: 'overview', q: '', sort: '-percent', archived: ''})", `"#/"`},
		{"router", "m.write({...m.parse('#/t/a?range=custom&from=2026-11-01&to=2026-11-08'), step: 'day'})", `"#/t/a?range=custom&step=day&from=2026-11-01&to=2026-11-08"`},

		{"backoff", "(() => { const b = new m.Backoff(1000, 10000, () => 0.5); const waits = [1,2,3,4,5,6].map(() => b.next()); b.reset(); return [...waits, b.next()]; })()", `[1000,2000,4000,8000,10000,10000,1000]`},
		{"backoff", "[0, 0.999999].map(r => Math.round(new m.Backoff(1000, 10000, () => r).next()))", `[750,1250]`},

		{"backoff", "(() => { const p = new m.Patience(5000, 60000); return [1,2,3,4,5,6].map(() => { const { ms } = p; p.lost(); return ms; }); })()", `[5000,10000,20000,40000,60000,60000]`},
		{"api", `(async () => {
			const real = AbortSignal.timeout, waited = [], resource = new m.Resource("/tenants");
			AbortSignal.timeout = (ms) => { waited.push(ms); return AbortSignal.abort(); };
			for (let i = 0; i < 3; i++) await resource.get().catch((e) => waited.push(e.message));
			AbortSignal.timeout = real;
			return waited;
		})()`, `[5000,"it does not answer",10000,"it does not answer",20000,"it does not answer"]`},

		{"range", "m.question({range: '1h'}, usage, Date.parse('2026-11-25T10:20:30Z'))", `{"key":"1h","step":"minute","steps":["minute"],"from":"2026-11-25T09:21:00Z","to":"2026-11-25T10:21:00Z"}`},
		{"range", "m.question({range: '24h', step: 'minute'}, usage, Date.parse('2026-11-25T10:20:30Z'))", `{"key":"24h","step":"minute","steps":["hour","minute"],"from":"2026-11-24T10:21:00Z","to":"2026-11-25T10:21:00Z"}`},
		{"range", "m.question({range: '30d', step: ''}, usage, Date.parse('2026-11-25T23:20:30Z'))", `{"key":"30d","step":"day","steps":["day","hour"],"from":"2026-10-28","to":"2026-11-27"}`},
		{"range", "m.question({range: 'period', step: 'hour'}, usage, Date.parse('2026-11-25T10:20:30Z'))", `{"key":"period","step":"hour","steps":["day","hour"],"from":"2026-10-31T23:00:00Z","to":"2026-11-25T11:00:00Z"}`},
		{"range", "m.question({range: 'custom', from: '2026-11-01', to: '2026-11-02', step: 'minute'}, usage, 0)", `{"key":"custom","step":"minute","steps":["day","hour","minute"],"from":"2026-11-01","to":"2026-11-02"}`},
		{"range", "m.question({range: 'custom', from: '2026-01-01', to: '2026-11-02', step: 'minute'}, usage, 0).steps", `["day"]`},
		{"range", "m.question({range: 'custom', from: '2026-11-09', to: '2026-11-01', step: ''}, usage, Date.parse('2026-11-25T10:20:30Z'))", `{"key":"custom","step":"day","steps":["day","hour"],"from":"2026-11-09","to":"2026-11-26"}`},
		{"range", "m.question({range: 'nonsense', step: 'century'}, usage, Date.parse('2026-11-25T10:20:30Z')).step", `"hour"`},

		{"tenants", "list(l => {})", `[["a1 1,2","b2 1,2"],2]`},
		{"tenants", "list(l => l.take({type: 'change', tenants: [row('b', 9)], order: ['b', 'a'], gone: null}))", `[["b9 1,2","a1 1,2"],2]`},
		{"tenants", "list(l => l.take({type: 'change', tenants: null, gone: ['a']}))", `[["b2 1,2"],1]`},
		{"tenants", "list(l => l.take({type: 'change', tenants: [row('c', 3)], order: ['c', 'a', 'nobody']}))", `[["c3 ","a1 1,2"],2]`},
		{"tenants", "list(l => l.take({type: 'alive', stale: true}))", `[["a1 1,2","b2 1,2"],2]`},

		{"curve", "m.accumulate([{start: '1970-01-01T00:00:00Z', tokens: 5}, {start: '1970-01-01T01:00:00Z', tokens: 7}], 0, 7000, 13)", `{"times":[0,3600,7000],"totals":[0,5,13]}`},
		{"curve", "m.accumulate([], 0, 0, 0)", `{"times":[0],"totals":[0]}`},
		{"breakdown", "m.stack([[1, 2], [3, 4], [5, 6]])", `[[1,2],[4,6],[9,12]]`},
		{"breakdown", "m.grouped([...'abcdefghij'].map((feature, i) => ({feature, tokens: [i]})), 1).map(g => [g.label, g.tokens[0]])",
			`[["a",0],["b",1],["c",2],["d",3],["e",4],["f",5],["g",6],["All others",24]]`},
		{"sparkline", "m.path([0, 10])", `"M0 26L120 2"`},
		{"sparkline", "[m.path([]), m.path([0, 0])]", `["","M0 26L120 26"]`},
		{"status", "[[null, []], [79.99, [80]], [80, [80]], [99.99, []], [100, [120]]].map(([quotaPercent, thresholds]) => m.statusOf({quotaPercent, thresholds}).kind)", `["none","ok","near","ok","over"]`},
		{"api", "[m.path.usage(\"it's a/b\"), m.path.series('x', {from: 'a b'})]", `["/usage/it%27s%20a%2Fb","/usage/x/series?from=a+b"]`},
	} {
		var got string // made in the page: the debugging protocol has other ideas of what has a value
		tab.Eval(fmt.Sprintf(`(async () => {
			const m = modules[%q];
			const usage = { timezone: "Europe/Berlin", periodStart: "2026-10-31T23:00:00Z", periodEnd: "2026-11-30T23:00:00Z" };
			const row = (tenant, used, sparkline) => ({ tenant, used, sparkline });
			const list = (change) => {
				const l = new m.TenantList();
				l.take({ type: "snapshot", matching: 2, totals: {}, tenants: [row("a", 1, [1, 2]), row("b", 2, [1, 2])] });
				change(l);
				return [l.order.map((name) => name + l.rows.get(name).used + " " + l.rows.get(name).sparkline), l.matching];
			};
			return JSON.stringify(await %s);
		})()`, tc.module, tc.expression), &got)
		var compact, want any
		if json.Unmarshal([]byte(got), &compact) != nil || json.Unmarshal([]byte(tc.want), &want) != nil {
			t.Fatalf("%s: %s is no JSON", tc.module, got)
		}
		a, _ := json.Marshal(compact)
		w, _ := json.Marshal(want)
		if string(a) != string(w) {
			t.Errorf("%s: %s\n gives %s\n want  %s", tc.module, tc.expression, a, w)
		}
	}
}
