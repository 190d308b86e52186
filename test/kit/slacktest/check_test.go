package slacktest

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestCheck(t *testing.T) {
	long := func(n int) string { return strings.Repeat("x", n) }
	plain := func(text string) string { return fmt.Sprintf(`{"type":"plain_text","text":%q}`, text) }
	blocks := func(block ...string) string {
		return `{"text":"t","blocks":[` + strings.Join(block, ",") + `]}`
	}
	header := func(text string) string { return `{"type":"header","text":` + text + `}` }
	section := func(rest string) string { return `{"type":"section",` + rest + `}` }
	button := func(rest string) string {
		return `{"type":"actions","elements":[{"type":"button",` + rest + `}]}`
	}
	many := func(n int, s string) string { return strings.TrimSuffix(strings.Repeat(s+",", n), ",") }
	for _, c := range []struct {
		name, body string
		want       error
	}{
		{"text", `{"text":"hello"}`, nil},
		{"no JSON", `hello`, ErrInvalidPayload},
		{"not UTF-8", "{\"text\":\"\xff\"}", ErrInvalidPayload},
		{"unknown field", `{"text":"t","urgent":true}`, ErrInvalidPayload},
		{"two values", `{"text":"t"}{}`, ErrInvalidPayload},
		{"empty", `{}`, ErrNoText},
		{"blocks only", `{"blocks":[{"type":"divider"}]}`, ErrNoText},
		{"long text", `{"text":"` + long(40_001) + `"}`, ErrTooLong},
		{"50 blocks", blocks(many(50, `{"type":"divider"}`)), nil},
		{"51 blocks", blocks(many(51, `{"type":"divider"}`)), ErrInvalidBlocks},
		{"unknown block", blocks(`{"type":"banner"}`), ErrInvalidBlocks},
		{"header", blocks(header(plain(long(150)))), nil},
		{"long header", blocks(header(plain(long(151)))), ErrInvalidBlocks},
		{"long header of emoji", blocks(header(plain(strings.Repeat("🚨", 76)))), ErrInvalidBlocks},
		{"long header of entities", blocks(header(plain(strings.Repeat("&", 31)))), ErrInvalidBlocks},
		{"empty header", blocks(header(plain(""))), ErrInvalidBlocks},
		{"header in mrkdwn", blocks(header(`{"type":"mrkdwn","text":"x"}`)), ErrInvalidBlocks},
		{"header without text", blocks(`{"type":"header"}`), ErrInvalidBlocks},
		{"header with fields", blocks(`{"type":"header","text":` + plain("x") + `,"fields":[]}`),
			ErrInvalidBlocks},
		{"section", blocks(section(`"text":` + plain(long(3000)))), nil},
		{"long section", blocks(section(`"text":` + plain(long(3001)))), ErrInvalidBlocks},
		{"empty section", blocks(`{"type":"section"}`), ErrInvalidBlocks},
		{"10 fields", blocks(section(`"fields":[` + many(10, plain(long(2000))) + `]`)), nil},
		{"11 fields", blocks(section(`"fields":[` + many(11, plain("x")) + `]`)), ErrInvalidBlocks},
		{"no fields", blocks(section(`"fields":[]`)), ErrInvalidBlocks},
		{"long field", blocks(section(`"fields":[` + plain(long(2001)) + `]`)), ErrInvalidBlocks},
		{"emoji in mrkdwn", blocks(section(`"text":{"type":"mrkdwn","text":"x","emoji":true}`)),
			ErrInvalidBlocks},
		{"button", blocks(button(`"text":` + plain(long(75)) + `,"url":"https://h/` + long(2000) + `"`)),
			nil},
		{"long button", blocks(button(`"text":` + plain(long(76)))), ErrInvalidBlocks},
		{"long url", blocks(button(`"text":` + plain("x") + `,"url":"https://h/` + long(3000) + `"`)),
			ErrInvalidBlocks},
		{"relative url", blocks(button(`"text":` + plain("x") + `,"url":"/usage"`)), ErrInvalidBlocks},
		{"context", blocks(`{"type":"context","elements":[` + many(10, plain("x")) + `]}`), nil},
		{"long context", blocks(`{"type":"context","elements":[` + many(11, plain("x")) + `]}`),
			ErrInvalidBlocks},
		{"twice the same id", blocks(many(2, `{"type":"divider","block_id":"a"}`)), ErrInvalidBlocks},
	} {
		if _, err := Check([]byte(c.body)); !errors.Is(err, c.want) || c.want == nil && err != nil {
			t.Errorf("%s: got %v, want %v", c.name, err, c.want)
		}
	}
}
