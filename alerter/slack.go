package alerter

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/slack-go/slack"

	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// Slack's limits for what a message here is made of, in characters. See
// https://docs.slack.dev/reference/block-kit/blocks/header-block and its neighbours.
const (
	maxHeader    = 150
	maxButtonURL = 3000
	// maxName keeps a section of three features well below its 3,000.
	maxName = 200
)

// slackEscaper replaces the three characters that are markup in Slack's mrkdwn.
// See https://docs.slack.dev/messaging/formatting-message-text/.
var slackEscaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// slackBody is the body of the POST to a Slack incoming webhook: blocks for the channel,
// and text for notifications and for clients without blocks. Names of tenants and features
// stand in plain_text objects only, where Slack reads no markup at all, and are escaped in
// text. publicURL may be empty.
func slackBody(e event, publicURL string) ([]byte, error) {
	body, err := json.Marshal(struct {
		Text   string       `json:"text"`
		Blocks slack.Blocks `json:"blocks"`
	}{slackText(e), slack.Blocks{BlockSet: slackBlocks(e, publicURL)}})
	if err != nil {
		return nil, fmt.Errorf("encode Slack message: %w", err)
	}
	return body, nil
}

// slackText says it in one line.
func slackText(e event) string {
	return fmt.Sprintf("%s%s%s: %s / %s tokens. Threshold %d%%, billing period %s, alert %s",
		testMark(e), slackEscaper.Replace(meter.Quote(e.Tenant)),
		headline(e), humanize.Comma(e.Used), humanize.Comma(e.Quota), e.Threshold, period(e), e.Alert)
}

func slackBlocks(e event, publicURL string) []slack.Block {
	head := headline(e)
	name := clip(meter.Quote(e.Tenant), maxHeader-slackLength(testMark(e)+head)-4)
	blocks := []slack.Block{
		slack.NewHeaderBlock(plain(testMark(e) + icon(e) + " " + name + head)),
		slack.NewSectionBlock(nil, fields(e), nil),
	}
	if len(e.Features) > 0 {
		lines := []string{"Top features"}
		for _, f := range e.Features {
			lines = append(lines, fmt.Sprintf("%s: %s tokens (%s%%)",
				clip(meter.Quote(f.Name), maxName), humanize.Comma(f.Tokens), percent(f.Tokens, e.Used)))
		}
		blocks = append(blocks, slack.NewSectionBlock(plain(strings.Join(lines, "\n")), nil, nil))
	}
	if link := dashboardLink(publicURL, e.Tenant); link != "" && len(link) <= maxButtonURL {
		button := slack.NewButtonBlockElement("dashboard", "", plain("Open the dashboard"))
		button.URL = link
		blocks = append(blocks, slack.NewActionBlock("", button))
	}
	return append(blocks, slack.NewContextBlock("", plain("alert "+e.Alert.String())))
}

// fields are figures only: nothing in them comes from a name.
func fields(e event) []*slack.TextBlockObject {
	field := func(label, value string) *slack.TextBlockObject {
		return slack.NewTextBlockObject(slack.MarkdownType, "*"+label+"*\n"+value, false, true)
	}
	threshold := strconv.Itoa(e.Threshold) + "%"
	if len(e.Thresholds) > 1 {
		var all []string
		for _, t := range e.Thresholds {
			all = append(all, strconv.Itoa(t)+"%")
		}
		threshold += fmt.Sprintf(" (%d at once: %s)", len(all), clip(strings.Join(all, ", "), maxName))
	}
	pace, outlook := "not known yet", "not known yet"
	if e.PerDay != nil && e.Projected != nil {
		pace = humanize.Comma(*e.PerDay) + " tokens a day"
		outlook = fmt.Sprintf("%s tokens at the end of the period (%s%%)",
			humanize.Comma(*e.Projected), percent(*e.Projected, e.Quota))
	}
	exhausted := "not in this period"
	switch {
	case e.Used >= e.Quota:
		exhausted = "now: nothing is left"
	case e.ExhaustedAt != nil:
		exhausted = e.ExhaustedAt.UTC().Format("2006-01-02 15:04 UTC")
	case e.PerDay == nil:
		exhausted = "not known yet"
	}
	return []*slack.TextBlockObject{
		field("Used", humanize.Comma(e.Used)+" / "+humanize.Comma(e.Quota)+" tokens"),
		field("Threshold", threshold),
		field("Billing period", period(e)),
		field("Pace", pace),
		field("Outlook", outlook),
		field("Quota exhausted", exhausted),
	}
}

func headline(e event) string {
	return " has used " + percent(e.Used, e.Quota) + "% of its quota"
}

func icon(e event) string {
	if e.Used >= e.Quota {
		return "🚨"
	}
	return "⚠️"
}

// testMark tells people that nothing has happened.
func testMark(e event) string {
	if e.Type == eventTest {
		return "[TEST] "
	}
	return ""
}

// period is the billing period with its last day, in the tenant's calendar.
func period(e event) string { return fmt.Sprintf("%s to %s", e.PeriodStart, e.PeriodEnd-1) }

func percent(part, whole int64) string {
	return strconv.FormatFloat(meter.Percent(part, whole), 'f', -1, 64)
}

func plain(text string) *slack.TextBlockObject {
	return slack.NewTextBlockObject(slack.PlainTextType, text, false, false)
}

// dashboardLink is where people see the tenant; empty if nobody has said where the dashboard is.
func dashboardLink(publicURL, tenant string) string {
	if publicURL == "" {
		return ""
	}
	return strings.TrimRight(publicURL, "/") + "/usage?tenant=" + url.QueryEscape(tenant)
}

// slackLength is the most that Slack may count s as: a rune beyond the basic plane as two
// characters, and one that is escaped on its way as its entity.
func slackLength(s string) (n int) {
	for _, r := range s {
		n += runeLength(r)
	}
	return n
}

func runeLength(r rune) int {
	switch {
	case r == '&':
		return len("&amp;")
	case r == '<' || r == '>':
		return len("&lt;")
	case r > 0xffff:
		return 2
	}
	return 1
}

// clip shortens s to at most limit as slackLength counts.
func clip(s string, limit int) string {
	if slackLength(s) <= limit {
		return s
	}
	n := 0
	for i, r := range s {
		if n += runeLength(r); n > limit-1 {
			return s[:i] + "…"
		}
	}
	return s
}
