package slacktest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"unicode/utf8"
)

// Errors that Slack answers with, as its response body has them.
var (
	ErrInvalidPayload = errors.New("invalid_payload")
	ErrNoText         = errors.New("no_text")
	ErrInvalidBlocks  = errors.New("invalid_blocks")
	ErrTooLong        = errors.New("msg_too_long")
)

// Limits, in characters where not said otherwise.
const (
	maxText      = 40_000
	maxBlocks    = 50
	maxHeader    = 150
	maxSection   = 3000
	maxFields    = 10 // fields
	maxField     = 2000
	maxElements  = 25 // of an actions block
	maxContext   = 10 // elements of a context block
	maxButton    = 75
	maxButtonURL = 3000
	maxValue     = 2000
	maxID        = 255
)

// Message is a message that Slack would take.
type Message struct {
	Text   string
	Blocks []json.RawMessage
}

// Check returns the message, or one of the errors above with what is wrong.
func Check(body []byte) (Message, error) {
	var m struct {
		Text   string            `json:"text"`
		Blocks []json.RawMessage `json:"blocks"`
	}
	switch {
	case !utf8.Valid(body):
		return Message{}, fmt.Errorf("%w: not UTF-8", ErrInvalidPayload)
	case strict(body, &m) != nil:
		return Message{}, fmt.Errorf("%w: %w", ErrInvalidPayload, strict(body, &m))
	case m.Text == "":
		return Message{}, ErrNoText // also with blocks: notifications show it
	case length(m.Text) > maxText || len(m.Text) > maxText:
		return Message{}, ErrTooLong
	case len(m.Blocks) > maxBlocks:
		return Message{}, fmt.Errorf("%w: %d blocks", ErrInvalidBlocks, len(m.Blocks))
	}
	seen := map[string]bool{}
	for i, raw := range m.Blocks {
		if err := checkBlock(raw, seen); err != nil {
			return Message{}, fmt.Errorf("%w: block %d: %w", ErrInvalidBlocks, i, err)
		}
	}
	return Message{m.Text, m.Blocks}, nil
}

func checkBlock(raw json.RawMessage, seen map[string]bool) error {
	var kind struct {
		Type    string `json:"type"`
		BlockID string `json:"block_id"`
	}
	if err := json.Unmarshal(raw, &kind); err != nil {
		return err
	}
	if length(kind.BlockID) > maxID || kind.BlockID != "" && seen[kind.BlockID] {
		return errors.New("block_id is too long or not unique")
	}
	seen[kind.BlockID] = true
	switch kind.Type {
	case "divider":
		return strict(raw, &base{})
	case "header":
		var b struct {
			base
			Text *text `json:"text"`
		}
		if err := strict(raw, &b); err != nil {
			return err
		}
		return b.Text.check("plain_text", maxHeader)
	case "section":
		return checkSection(raw)
	case "actions":
		return checkActions(raw)
	case "context":
		var b struct {
			base
			Elements []*text `json:"elements"`
		}
		if err := strict(raw, &b); err != nil {
			return err
		}
		return checkAll(b.Elements, maxContext, maxSection)
	}
	return fmt.Errorf("type %q is not one for incoming webhooks here", kind.Type)
}

func checkSection(raw json.RawMessage) error {
	var b struct {
		base
		Text   *text   `json:"text"`
		Fields []*text `json:"fields"`
	}
	switch err := strict(raw, &b); {
	case err != nil:
		return err
	case b.Text == nil && b.Fields == nil:
		return errors.New("a section needs text or fields")
	}
	if b.Text != nil {
		if err := b.Text.check("", maxSection); err != nil {
			return err
		}
	}
	if b.Fields == nil {
		return nil
	}
	return checkAll(b.Fields, maxFields, maxField)
}

func checkActions(raw json.RawMessage) error {
	var b struct {
		base
		Elements []struct {
			Type     string `json:"type"`
			Text     *text  `json:"text"`
			ActionID string `json:"action_id"`
			URL      string `json:"url"`
			Value    string `json:"value"`
			Style    string `json:"style"`
		} `json:"elements"`
	}
	switch err := strict(raw, &b); {
	case err != nil:
		return err
	case len(b.Elements) < 1 || len(b.Elements) > maxElements:
		return fmt.Errorf("%d elements", len(b.Elements))
	}
	ids := map[string]bool{}
	for _, e := range b.Elements {
		u, err := url.Parse(e.URL)
		switch {
		case e.Type != "button":
			return fmt.Errorf("element %q", e.Type)
		case length(e.ActionID) > maxID || ids[e.ActionID]:
			return errors.New("action_id is too long or not unique")
		case length(e.URL) > maxButtonURL || err != nil || e.URL != "" && u.Host == "":
			return errors.New("url is too long or not absolute")
		case length(e.Value) > maxValue:
			return errors.New("value is too long")
		case e.Style != "" && e.Style != "primary" && e.Style != "danger":
			return fmt.Errorf("style %q", e.Style)
		}
		ids[e.ActionID] = true
		if err := e.Text.check("plain_text", maxButton); err != nil {
			return err
		}
	}
	return nil
}

// base are the fields of every block.
type base struct {
	Type    string `json:"type"`
	BlockID string `json:"block_id"`
}

// text is a text object.
type text struct {
	Type     string `json:"type"`
	Text     string `json:"text"`
	Emoji    *bool  `json:"emoji"`
	Verbatim *bool  `json:"verbatim"`
}

// check wants a text of the kind, or of either kind, of 1 to limit characters.
func (t *text) check(kind string, limit int) error {
	switch {
	case t == nil:
		return errors.New("text is missing")
	case t.Type != "plain_text" && t.Type != "mrkdwn" || kind != "" && t.Type != kind:
		return fmt.Errorf("text of type %q", t.Type)
	case t.Type == "mrkdwn" && t.Emoji != nil || t.Type == "plain_text" && t.Verbatim != nil:
		return fmt.Errorf("a %s text cannot have that field", t.Type)
	case t.Text == "" || length(t.Text) > limit:
		return fmt.Errorf("text of %d characters, not 1 to %d", length(t.Text), limit)
	}
	return nil
}

func checkAll(texts []*text, most, limit int) error {
	if len(texts) < 1 || len(texts) > most {
		return fmt.Errorf("%d texts, not 1 to %d", len(texts), most)
	}
	for _, t := range texts {
		if err := t.check("", limit); err != nil {
			return err
		}
	}
	return nil
}

// strict decodes JSON without unknown fields and without anything behind it.
func strict(raw []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return err
	}
	if decoder.More() {
		return errors.New("something follows the JSON value")
	}
	return nil
}

// length counts as Slack does at worst: in UTF-16 units, with &, < and > as the entities that
// they are stored as.
func length(s string) (n int) {
	for _, r := range s {
		switch {
		case r == '&':
			n += 5
		case r == '<', r == '>':
			n += 4
		case r > 0xffff:
			n += 2
		default:
			n++
		}
	}
	return n
}
