package doctor

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"strings"

	"github.com/eduardosanzb/flagmeter/internal/config"
)

// Mistakes are the findings for settings that could not be read: one for each line of what
// config.Load says.
func Mistakes(err error) []Finding {
	var all []Finding
	for line := range strings.Lines(err.Error()) {
		line = strings.TrimSpace(line)
		if strings.HasSuffix(line, ":") { // the heading
			continue
		}
		all = append(all, Finding{Group: "settings", Check: "values", Status: Fail, Text: line,
			Advice: "correct it in .env, or in the environment of the role; .env.example explains each"})
	}
	return all
}

// settings judges combinations that are allowed but seldom meant.
func (p *Patient) settings(context.Context) []Finding {
	c := p.Config
	all := ok("values", "all that are set can be used, in flagmeter "+p.Version)
	add := func(name, text, advice string) {
		all = append(all, Finding{Check: name, Status: Warn, Text: text, Advice: advice})
	}
	host, _, _ := net.SplitHostPort(c.ListenAddr)
	if c.Auth == "off" && !c.OnlyLocal(host) {
		add("authentication",
			"off, and other machines can reach the API: whoever does can read and add usage",
			"set AUTH=required, then: flagmeter keys create --scope admin")
	}
	if c.WebhookAllowPrivate {
		add("webhook rules",
			"WEBHOOK_ALLOW_PRIVATE=true: whoever may edit webhooks can reach this machine's network",
			"remove WEBHOOK_ALLOW_PRIVATE, unless a receiver is in your own network")
	}
	u, err := url.Parse(c.PublicURL)
	if err == nil && u.Scheme == "http" && !config.IsLoopback(u.Hostname()) {
		add("public url", "without TLS: keys and sessions can be read on their way",
			fmt.Sprintf("put a proxy with a certificate in front and set PUBLIC_URL=https://%s", u.Host))
	}
	if c.LogLevel < 0 {
		add("log level", "debug: a line for every request", "set LOG_LEVEL=info")
	}
	return all
}
