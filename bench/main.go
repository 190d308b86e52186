package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"regexp"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// parts are what is measured, in the order of the table.
var parts = []struct {
	name    string
	measure func(context.Context, *rig) error
}{
	{"singles", singles},
	{"everysec", everysec},
	{"rate", rate},
	{"observed", observed},
	{"batches", batches},
	{"postgres", intoPostgres},
	{"neighbour", beside},
	{"reads", reads},
	{"tenants", manyTenants},
	{"year", yearOfRollups},
	{"memory", unflushed},
	{"coldstart", coldStart},
}

func run(ctx context.Context, args []string) error {
	if len(args) == 2 && args[0] == "serve" {
		return serve(ctx, args[1])
	}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	binary := flags.String("flagmeter", "bin/flagmeter", "`file` of the program to measure")
	only := flags.String("only", "", "measure the parts whose name matches this `regexp`")
	out := flags.String("out", "", "write the table to this `file` as well")
	script := flags.String("k6", "",
		"run this `script` of k6 instead, and tell what each process takes")
	points := flags.String("sizing", "",
		"measure these `points` instead: requests a second x tenants, as in 10x10,100x1000")
	results := flags.String("results", "bench/sizing.json",
		"`file` that keeps the points of several runs")
	document := flags.String("document", "docs/SIZING.md",
		"`file` that gets the tables of the points, between two markers")
	if err := flags.Parse(args); err != nil {
		return err
	}
	chosen, err := regexp.Compile(*only)
	if err != nil {
		return fmt.Errorf("read -only: %w", err)
	}

	r, err := newRig(ctx, *binary)
	if err != nil {
		return err
	}
	start := time.Now()
	switch {
	case *script != "":
		return errors.Join(k6(ctx, r, *script), r.close())
	case *points != "":
		return errors.Join(sizing(ctx, r, *points, *results, *document), r.close())
	}
	for _, part := range parts {
		if !chosen.MatchString(part.name) {
			continue
		}
		began := time.Now()
		if err = part.measure(ctx, r); err != nil {
			err = fmt.Errorf("measure %s: %w", part.name, err)
			break
		}
		slog.Info("measured", "part", part.name, "seconds", int(time.Since(began).Seconds()))
	}
	r.report.Took = time.Since(start)
	fmt.Print(r.report.String())
	if err := errors.Join(err, r.close()); err != nil {
		return err
	}
	return r.report.write(*out)
}
