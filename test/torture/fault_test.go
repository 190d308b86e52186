package torture

import (
	"context"
	"math/rand/v2"
	"time"
)

// fault is a way to break the deployment. inject breaks it and mends it again; its error
// says that the deployment did not behave under the fault, or that the fault did not come
// about.
type fault struct {
	name string
	// touches are the parts that inject breaks or needs whole: two faults with a part in
	// common never overlap.
	touches []string
	inject  func(ctx context.Context, r *rig, random *rand.Rand) error

	long    bool             // takes too long for the short cut
	alone   bool             // only as a scenario of its own
	prepare func(r *prepare) // wishes for the rig of the scenario; nil: none
}

// The parts of a deployment.
const (
	ingest   = "ingest"
	flusher  = "flusher"
	alerts   = "alerter"
	valkey   = "valkey"
	postgres = "postgres"
	front    = "front" // the network of the ingests
	back     = "back"  // the network of the others
)

// everyFault is all that can happen.
func everyFault() []fault {
	var all []fault
	for _, some := range [][]fault{
		ingestFaults(), flusherFaults(), alerterFaults(), valkeyFaults(), postgresFaults(),
		networkFaults(), diskFaults(),
		clockFaults(), clientFaults(), rewindFaults(), dataFaults(),
	} {
		all = append(all, some...)
	}
	return all
}

// pause waits for least to most, or until ctx ends.
func pause(ctx context.Context, random *rand.Rand, least, most time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(least + time.Duration(random.Int64N(int64(most-least)+1))):
	}
}
