package doctor

import (
	"context"
	"fmt"
	"net"
	"strings"

	"github.com/eduardosanzb/flagmeter/internal/store"
)

// tenants is whether there is somebody to meter and to warn, and a key to do it with.
func (p *Patient) tenants(ctx context.Context) []Finding {
	all, bad, err := store.Tenants(ctx, p.DB)
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
		findings = one("tenants", Warn, "there is none: every event is answered 404", "flagmeter tenants add acme-corp --quota 1_000_000")
	case silent > 0:
		findings = one("tenants", Warn, fmt.Sprintf("%s, %d with a quota but no threshold, so nobody is warned", text, silent),
			fmt.Sprintf("flagmeter tenants set %q --thresholds 80,100", example))
	}
	if len(bad) > 0 {
		findings = append(findings, one("time zones", Fail, fmt.Sprintf("%d tenants have one that is not known here and are metered in UTC: %s", len(bad), strings.Join(bad, ", ")),
			fmt.Sprintf("flagmeter tenants set %q --timezone Europe/Berlin, or what it is", bad[0]))...)
	}
	return append(findings, p.firstKey(ctx)...)
}

// firstKey is whether somebody can use the API.
func (p *Patient) firstKey(ctx context.Context) []Finding {
	host, _, _ := net.SplitHostPort(p.Config.ListenAddr)
	if p.Config.Auth == "off" || p.Config.Auth == "" && p.Config.OnlyLocal(host) {
		return ok("api keys", "none is asked for")
	}
	keys, err := store.LiveAPIKeys(ctx, p.DB, p.Now())
	if err != nil {
		return unknown("api keys", err) // role flagmeter_app sees none
	}
	if len(keys) == 0 && p.Config.JWTSecret == "" && p.Config.JWTKeys == "" {
		return one("api keys", Fail, "there is none, so nobody can use the API", "flagmeter keys create --scope admin")
	}
	return ok("api keys", fmt.Sprintf("%d work", len(keys)))
}
