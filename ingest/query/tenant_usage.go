package query

import (
	"strconv"
	"time"

	"github.com/eduardosanzb/flagmeter/ingest/answer"
	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// AppendTenantUsage appends the answer to GET /usage/:tenant as a JSON object without its
// braces and asOf. Its minute is the current one.
func AppendTenantUsage(b []byte, u meter.Usage) []byte {
	b = answer.AppendFigures(b, u)
	b = answer.AppendTime(append(b, `,"minute":`...), u.AsOf.Truncate(time.Minute))
	b = appendSettings(b, u.Tenant)
	b = answer.AppendInt(append(b, `,"billingDay":`...), u.Tenant.BillingDay)
	b = strconv.AppendBool(append(b, `,"archived":`...), u.Tenant.Archived)
	p, ok := project(u)
	b = appendProjection(b, p, ok)
	b = append(b, `,"features":[`...)
	for i, f := range u.Features {
		if i > 0 {
			b = append(b, ',')
		}
		b = answer.AppendString(append(b, `{"feature":`...), f.Feature)
		b = append(answer.AppendAmounts(b, f.Used), '}')
	}
	return append(b, ']')
}
