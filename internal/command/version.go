package command

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"
)

// Build is what the program was built from.
type Build struct{ Version, Commit string }

// NewBuild is the build that the linker was told, completed by what the Go toolchain has
// recorded.
func NewBuild(version, commit string) Build {
	b := Build{version, commit}
	if info, ok := debug.ReadBuildInfo(); ok {
		b.Version = cmp.Or(b.Version, info.Main.Version)
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				b.Commit = cmp.Or(b.Commit, s.Value)
			}
		}
	}
	return Build{cmp.Or(b.Version, "dev"), cmp.Or(b.Commit, "unknown")}
}

// register publishes the build as a metric.
func (b Build) register(reg prometheus.Registerer) {
	info := prometheus.NewGauge(prometheus.GaugeOpts{Name: "flagmeter_build_info",
		Help:        "Always 1; the labels say what runs.",
		ConstLabels: prometheus.Labels{"version": b.Version, "revision": b.Commit, "goversion": runtime.Version()}})
	info.Set(1)
	reg.MustRegister(info)
}

// Version prints what the program was built from.
func Version(env Env) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "flagmeter %s (commit %s, %s, %s/%s)\n",
				env.Build.Version, env.Build.Commit, runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
}
