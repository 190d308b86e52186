package ingest

import (
	"strconv"

	reply "github.com/eduardosanzb/flagmeter/ingest/answer"
	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// accepted is the answer to POST /events.
type accepted struct {
	events, duplicates int
	usage              []meter.Usage
	rates              []rateStatus
}

func (a accepted) append(b []byte) []byte {
	b = strconv.AppendInt(append(b, `{"accepted":`...), int64(a.events), 10)
	b = strconv.AppendInt(append(b, `,"duplicates":`...), int64(a.duplicates), 10)
	b = append(b, `,"usage":[`...)
	for i, u := range a.usage {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(reply.AppendUsage(append(b, '{'), u), '}')
	}
	return append(b, "]}"...)
}
