package logging

import (
	"regexp"
	"strconv"
	"strings"
)

// The patterns of secrets in text, each with what is kept of it.
var patterns = []struct {
	sign    string // that must be in the text, in lower case: a regexp on every line is dear
	pattern *regexp.Regexp
	keep    string
}{
	// Of the stores' URLs everything up to the last @ goes: a password may contain what should
	// have been escaped. Of others, whose paths may contain an @, only what is before a slash.
	{"://", regexp.MustCompile(`(?i)\b((?:postgres|postgresql|redis|rediss|valkey|valkeys)://)[^\s"'<>]*@`), "${1}" + Hidden + "@"},
	{"://", regexp.MustCompile(`(?i)\b([a-z][a-z0-9+.-]*://)[^\s/?#"'<>]*@`), "${1}" + Hidden + "@"},
	// API keys, also with what is behind the scope cut or mistyped.
	{"fm_", regexp.MustCompile(`(?i)\b(fm_(?:ingest|read|admin)_)[0-9a-z]{8,}`), "${1}" + Hidden},
	// The paths of incoming webhooks are their passwords: Discord, Mattermost, Teams, Zapier, ...
	{"hook", regexp.MustCompile(`(?i)\b(https?://[^\s"'<>]*/(?:hooks|webhooks?|webhookb2)/)[^\s"'<>]+`), "${1}" + Hidden},
	{"hooks.slack", regexp.MustCompile(`(?i)(\bhooks\.slack(?:-gov)?\.com/)[^\s"'<>]+`), "${1}" + Hidden},
	{"=", regexp.MustCompile(`(?i)\b((?:[a-z0-9]+[_-])*(?:password|passwd|secret|token|api_?key|access_?key(?:_?id)?|secret_?key|credentials?|signature|sig)=)(?:'[^']*'|"[^"]*"|[^\s&"';,)]+)`), "${1}" + Hidden},
	{`":`, regexp.MustCompile(`(?i)("(?:[a-z0-9]+[_-])*(?:password|passwd|secret|token|api_?key|secret_?key|key|authorization)"\s*:\s*)"(?:[^"\\]|\\.)*"`), `${1}"` + Hidden + `"`},
	{"bearer", regexp.MustCompile(`(?i)\b(bearer\s+)[a-z0-9._~+/=-]+`), "${1}" + Hidden},
	{"basic", regexp.MustCompile(`(?i)\b(basic\s+)[a-z0-9+/]{8,}=*`), "${1}" + Hidden},
	{"eyj", regexp.MustCompile(`\beyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)?`), Hidden},
}

// cleanText is a text without the secrets in it, also where they are escaped as in a path. What
// has a secret is shown unescaped.
func cleanText(text string) string {
	clean := scrub(text)
	if !escape.MatchString(clean) {
		return clean
	}
	plain := escape.ReplaceAllStringFunc(clean, func(code string) string {
		char, _ := strconv.ParseUint(code[1:], 16, 8) // two digits
		return string([]byte{byte(char)})
	})
	if shown := cleanText(plain); shown != plain {
		return shown
	}
	return clean
}

// escape is a character as a URL writes it.
var escape = regexp.MustCompile(`%[0-9a-fA-F]{2}`)

// scrub takes secrets out of a text as it is written.
func scrub(text string) string {
	lower := strings.ToLower(text)
	for _, p := range patterns {
		if strings.Contains(lower, p.sign) {
			text = p.pattern.ReplaceAllString(text, p.keep)
		}
	}
	return text
}

// Clean is a text without the secrets in it, for what people see and no logger writes.
func Clean(text string) string { return cleanText(text) }
