package command

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/eduardosanzb/flagmeter/internal/config"
)

// healthLimit is how long a role may take to say that it is well.
const healthLimit = 3 * time.Second

// probe is how one asks a role whether it is well.
type probe struct {
	setting, address string // the variable that says where it listens, and its default
	path             string
}

// probes has the roles that can be asked. That a store is away is no fault of a flusher, an
// alerter or a backup: they wait for it, and a new process would have to wait as well, so their
// /healthz says only that the process answers. What does not move is an alert's business
// (grafana/prometheus/rules).
var probes = map[string]probe{
	"ingest":  {"LISTEN_ADDR", ":3000", "/readyz"},
	"flusher": {"METRICS_ADDR", ":9101", "/healthz"},
	"alerter": {"METRICS_ADDR", ":9102", "/healthz"},
	"backup":  {"METRICS_ADDR", ":9103", "/healthz"},
}

// Healthcheck asks a role on this machine whether it is well.
func Healthcheck(env Env) *cobra.Command {
	roles := slices.Sorted(maps.Keys(probes))
	return &cobra.Command{
		Use:   "healthcheck [ROLE]",
		Short: "Ask a running role whether it is well: for containers",
		Long: `Ask a role that runs on this machine, or in this container, whether it is well, and say so
by the exit status: 0 if it is, 1 if not. ROLE is ` + strings.Join(roles, ", ") + `; without
one it is ingest.

Of ingest it asks /readyz at LISTEN_ADDR (default :3000): events can be accepted, for which
Valkey must answer. Of the others it asks /healthz at METRICS_ADDR (default :9101, :9102 for
the alerter, :9103 for backup): the process answers. It waits for 3 s, needs no shell, no
credential and no other setting.`,
		Example: `  flagmeter healthcheck
  flagmeter healthcheck flusher`,
		Args:      cobra.MatchAll(cobra.MaximumNArgs(1), cobra.OnlyValidArgs),
		ValidArgs: roles,
		RunE: func(cmd *cobra.Command, args []string) error {
			role := "ingest"
			if len(args) > 0 {
				role = args[0]
			}
			p := probes[role]
			cfg, err := config.Load(only(env.Getenv, p.setting))
			if err != nil {
				return err
			}
			address := cmp.Or(cfg.MetricsAddr, p.address)
			if p.setting == "LISTEN_ADDR" {
				address = cfg.ListenAddr
			}
			answer, err := askHealth(cmd.Context(), localURL(address)+p.path)
			if err != nil {
				return fmt.Errorf("%s is not well: %w", role, err)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s is well: %s\n", role, answer)
			return err
		},
	}
}

// only is getenv for one variable: a mistake in any other is not what is asked about.
func only(getenv func(string) string, name string) func(string) string {
	return func(asked string) string {
		if asked != name {
			return ""
		}
		return getenv(name)
	}
}

// askHealth returns the answer to GET url as one line, or why it is not 200.
func askHealth(ctx context.Context, url string) (string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, healthLimit,
		fmt.Errorf("no answer within %s", healthLimit))
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	// No proxy: a role of this machine is not behind one, whatever the environment says.
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if ctx.Err() != nil {
		return "", fmt.Errorf("GET %s: %w", url, context.Cause(ctx))
	}
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1024))
	if err != nil {
		return "", fmt.Errorf("read the answer of %s: %w", url, err)
	}
	if resp.StatusCode != http.StatusOK {
		var problem struct{ Title, Detail string }
		_ = json.Unmarshal(body, &problem) // whoever answers, the status is said
		return "", fmt.Errorf("GET %s: %s",
			url, strings.Join(slices.DeleteFunc([]string{resp.Status, problem.Title, problem.Detail},
				func(s string) bool { return s == "" }), ": "))
	}
	return strings.Join(strings.Fields(string(body)), " "), nil
}
