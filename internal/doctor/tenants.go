package doctor

import (
	"context"
	"fmt"
	"net"

	"github.com/eduardosanzb/flagmeter/internal/store"
)

// tenants checks that there are tenants to meter and to alert.
func (p *Patient) tenants(ctx context.Context) []Finding {
	all, odd, err := store.Tenants(ctx, p.DB)
	if err != nil {
		return unknown("tenants", err)
	}
	var active, unlimited, silent int
	example := ""
	for _, t := range all {
		switch {
		case t.Archived:
			continue
		case t.Quota == 0:
			unlimited++
		case len(t.Thresholds) == 0:
			silent++
			example = t.Shown()
		}
		active++
	}
	text := fmt.Sprintf("%d active, %d of them without a quota", active, unlimited)
	findings := ok("tenants", text)
	switch {
	case active == 0 && !p.Config.AutoCreateTenants:
		findings = one("tenants", Warn, "there is none: every event is answered 404",
			"flagmeter tenants add acme-corp --quota 1_000_000")
	case silent > 0:
		findings = one("tenants", Warn,
			fmt.Sprintf("%s, %d with a quota but no threshold, so nobody is warned", text, silent),
			fmt.Sprintf("flagmeter tenants set %q --thresholds 80,100", example))
	}
	findings = append(findings, oddRows(odd)...)
	return append(findings, p.firstKey(ctx)...)
}

// oddRows are the rows that the processes cannot read as they are.
func oddRows(odd []store.OddRow) (findings []Finding) {
	for _, r := range odd {
		findings = append(findings, Finding{Check: "rows of " + r.Table, Status: Fail,
			Text:   fmt.Sprintf("%q: %s; in force instead: %s", r.Row, r.Reason, r.Instead),
			Advice: oddAdvice(r)})
	}
	return findings
}

// oddAdvice is how a row is corrected.
func oddAdvice(r store.OddRow) string {
	if r.Table == "api_keys" {
		return fmt.Sprintf("psql: SELECT * FROM api_keys WHERE id = '%s'; correct it, or make another:"+
			" flagmeter keys create", r.Row)
	}
	return fmt.Sprintf("flagmeter tenants set %q --timezone Europe/Berlin, --thresholds 80,100 or"+
		" --enforce off, or what it is", r.Row)
}

// firstKey checks that at least one credential can use the API.
func (p *Patient) firstKey(ctx context.Context) []Finding {
	host, _, _ := net.SplitHostPort(p.Config.ListenAddr)
	if p.Config.Auth == "off" || p.Config.Auth == "" && p.Config.OnlyLocal(host) {
		return ok("api keys", "none is asked for")
	}
	keys, odd, err := store.LiveAPIKeys(ctx, p.DB, p.Now())
	if err != nil {
		return unknown("api keys", err) // role flagmeter_app sees none
	}
	unreadable := oddRows(odd)
	if len(keys) == 0 && p.Config.JWTSecret == "" && p.Config.JWTKeys == "" && p.Config.Auth == "" &&
		p.ListenUnset {
		// Neither setting is that of the role: `flagmeter dev`, which prints neither, asks for no key.
		return append(unreadable, one("api keys", Warn, "there is none: only an API that asks for none"+
			" can be used, with AUTH=off or a LISTEN_ADDR on loopback, as with flagmeter dev",
			"set AUTH and LISTEN_ADDR here as the API has them; unless it asks for none: flagmeter keys"+
				" create --scope admin")...)
	}
	if len(keys) == 0 && p.Config.JWTSecret == "" && p.Config.JWTKeys == "" {
		return append(unreadable, one("api keys", Fail, "there is none, so nobody can use the API",
			"flagmeter keys create --scope admin")...)
	}
	return append(unreadable, ok("api keys", fmt.Sprintf("%d work", len(keys)))...)
}
