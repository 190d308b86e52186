package command

import (
	"cmp"
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"
)

// Build is what the program was built from.
type Build struct {
	Version string `json:"version"`
	Commit  string `json:"commit"`
	// Time is that of the commit, RFC 3339; empty if the Go toolchain did not record it. It is
	// not that of the build: the same sources make the same program.
	Time string `json:"time,omitempty"`
}

// NewBuild returns the build that the linker set, completed by what the Go toolchain recorded.
func NewBuild(version, commit string) Build {
	b := Build{Version: version, Commit: commit}
	if info, ok := debug.ReadBuildInfo(); ok {
		b.Version = cmp.Or(b.Version, info.Main.Version)
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				b.Commit = cmp.Or(b.Commit, s.Value)
			case "vcs.time":
				b.Time = s.Value
			}
		}
	}
	b.Version, b.Commit = cmp.Or(b.Version, "dev"), cmp.Or(b.Commit, "unknown")
	return b
}

// register publishes the build as a metric.
func (b Build) register(reg prometheus.Registerer) {
	info := prometheus.NewGauge(prometheus.GaugeOpts{Name: "flagmeter_build_info",
		Help: "Always 1; the labels say what runs.",
		ConstLabels: prometheus.Labels{"version": b.Version, "revision": b.Commit,
			"goversion": runtime.Version()}})
	info.Set(1)
	reg.MustRegister(info)
}

// Version prints what the program was built from.
func Version(env Env) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Long: `Print what the program was built from. The metric flagmeter_build_info of every role says
the same.`,
		Example: `  flagmeter version
  flagmeter version --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			platform := runtime.GOOS + "/" + runtime.GOARCH
			if asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(struct {
					Build
					Go       string `json:"go"`
					Platform string `json:"platform"`
				}{env.Build, runtime.Version(), platform})
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "flagmeter %s (commit %s, %s, %s)\n", env.Build.Version,
				env.Build.Commit, runtime.Version(), platform)
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}
