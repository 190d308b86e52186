package answer

import (
	"strconv"

	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// AppendUsage appends the fields that every answer has about a tenant.
func AppendUsage(b []byte, u meter.Usage) []byte {
	return strconv.AppendBool(append(AppendFigures(b, u), `,"stale":`...), u.Stale)
}

// AppendFigures is AppendUsage without stale. Quota, percent and remaining are null for a
// tenant without a quota.
func AppendFigures(b []byte, u meter.Usage) []byte {
	b = AppendString(append(b, `"tenant":`...), u.Tenant.Shown())
	b = strconv.AppendInt(append(b, `,"totalTokens":`...), u.Used[meter.Tokens], 10)
	if used, quota := u.Used[meter.Tokens], u.Tenant.Quota; quota > 0 {
		b = strconv.AppendInt(append(b, `,"quota":`...), quota, 10)
		b = strconv.AppendFloat(append(b, `,"quotaPercent":`...), meter.Percent(used, quota), 'f', -1, 64)
		b = strconv.AppendInt(append(b, `,"remaining":`...), meter.Remaining(used, quota), 10)
	} else {
		b = append(b, `,"quota":null,"quotaPercent":null,"remaining":null`...)
	}
	b = AppendTime(append(b, `,"periodStart":`...), u.Period.Start)
	return AppendTime(append(b, `,"periodEnd":`...), u.Period.End)
}

// AppendAmounts appends a member for each amount behind other members.
func AppendAmounts(b []byte, amounts meter.Amounts) []byte {
	for a, n := range amounts {
		b = append(append(b, `,"`...), meter.Amount(a).Spec().Name...)
		b = strconv.AppendInt(append(b, `":`...), n, 10)
	}
	return b
}
