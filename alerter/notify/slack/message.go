package slack

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"
	blockkit "github.com/slack-go/slack"

	"github.com/eduardosanzb/flagmeter/alerter/notify"
	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// Slack's limits for the parts of a message, in characters. See
// https://docs.slack.dev/reference/block-kit/blocks/header-block and the pages of the other blocks.
const (
	maxHeader    = 150
	maxButtonURL = 3000
	// maxName keeps a section of three features well below its 3,000.
	maxName = 200
)

// escaper replaces the three characters that are markup in Slack's mrkdwn. See
// https://docs.slack.dev/messaging/formatting-message-text/.
var escaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// Body returns the body of the POST to a Slack incoming webhook: blocks for the channel, and text
// for notifications and for clients without blocks. Names of tenants and features appear only in
// plain_text objects, where Slack reads no markup, and are escaped in text.
func (Notifier) Body(e notify.Event) ([]byte, error) {
	body, err := json.Marshal(struct {
		Text   string          `json:"text"`
		Blocks blockkit.Blocks `json:"blocks"`
	}{text(e), blockkit.Blocks{BlockSet: blocks(e)}})
	if err != nil {
		return nil, fmt.Errorf("encode Slack message: %w", err)
	}
	return body, nil
}

// text is the message in one line.
func text(e notify.Event) string {
	return fmt.Sprintf("%s%s%s: %s / %s tokens. Threshold %d%%, billing period %s, alert %s",
		testMark(e), escaper.Replace(meter.Quote(e.Tenant)),
		headline(e), humanize.Comma(e.Used), humanize.Comma(e.Quota), e.Threshold, period(e),
		e.Alert)
}

func blocks(e notify.Event) []blockkit.Block {
	head := headline(e)
	name := clip(meter.Quote(e.Tenant), maxHeader-length(testMark(e)+head)-4)
	all := []blockkit.Block{
		blockkit.NewHeaderBlock(plain(testMark(e) + icon(e) + " " + name + head)),
		blockkit.NewSectionBlock(nil, fields(e), nil),
	}
	if len(e.Features) > 0 {
		lines := []string{"Top features"}
		for _, f := range e.Features {
			lines = append(lines, fmt.Sprintf("%s: %s tokens (%s%%)",
				clip(meter.Quote(f.Name), maxName),
				humanize.Comma(f.Tokens), percent(f.Tokens, e.Used)))
		}
		all = append(all, blockkit.NewSectionBlock(plain(strings.Join(lines, "\n")), nil, nil))
	}
	if e.Dashboard != "" && len(e.Dashboard) <= maxButtonURL {
		button := blockkit.NewButtonBlockElement("dashboard", "", plain("Open the dashboard"))
		button.URL = e.Dashboard
		all = append(all, blockkit.NewActionBlock("", button))
	}
	return append(all, blockkit.NewContextBlock("", plain("alert "+e.Alert.String())))
}

// fields contains only figures: nothing in it comes from a name.
func fields(e notify.Event) []*blockkit.TextBlockObject {
	field := func(label, value string) *blockkit.TextBlockObject {
		return blockkit.NewTextBlockObject(
			blockkit.MarkdownType, "*"+label+"*\n"+value, false, true)
	}
	threshold := strconv.Itoa(e.Threshold) + "%"
	if len(e.Thresholds) > 1 {
		var all []string
		for _, t := range e.Thresholds {
			all = append(all, strconv.Itoa(t)+"%")
		}
		threshold += fmt.Sprintf(" (%d at once: %s)",
			len(all), clip(strings.Join(all, ", "), maxName))
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
	return []*blockkit.TextBlockObject{
		field("Used", humanize.Comma(e.Used)+" / "+humanize.Comma(e.Quota)+" tokens"),
		field("Threshold", threshold),
		field("Billing period", period(e)),
		field("Pace", pace),
		field("Outlook", outlook),
		field("Quota exhausted", exhausted),
	}
}

func headline(e notify.Event) string {
	return " has used " + percent(e.Used, e.Quota) + "% of its quota"
}

func icon(e notify.Event) string {
	if e.Used >= e.Quota {
		return "🚨"
	}
	return "⚠️"
}

// testMark marks a message about an event that did not happen.
func testMark(e notify.Event) string {
	if e.Type == notify.Test {
		return "[TEST] "
	}
	return ""
}

// period is the billing period with its last day, in the tenant's calendar.
func period(e notify.Event) string { return fmt.Sprintf("%s to %s", e.PeriodStart, e.PeriodEnd-1) }

func percent(part, whole int64) string {
	return strconv.FormatFloat(meter.Percent(part, whole), 'f', -1, 64)
}

func plain(text string) *blockkit.TextBlockObject {
	return blockkit.NewTextBlockObject(blockkit.PlainTextType, text, false, false)
}
