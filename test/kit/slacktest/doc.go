// Package slacktest stands in for Slack's incoming webhooks in tests. It refuses what Slack's
// documentation says that Slack refuses: messages without text, blocks beyond the limits of
// Block Kit, fields that a block does not have.
//
// The limits are those of https://docs.slack.dev/reference/block-kit (blocks, block elements,
// text object) and https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks.
// It reads plain JSON and shares no code with what writes the messages.
package slacktest
