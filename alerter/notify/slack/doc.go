// Package slack writes alerts for Slack's incoming webhooks, and for the chats that accept the
// same messages: Mattermost, Rocket.Chat, Google Chat, Microsoft Teams.
package slack
