package notify

import (
	"net/url"
	"strings"
	"unicode"
)

// Clean returns the beginning of an answer as one line of at most most characters. It replaces the
// target's secrets, because receivers often echo the request.
func (t Target) Clean(answer []byte, most int) string {
	text := strings.ToValidUTF8(string(answer), " ")
	for _, secret := range t.secrets() {
		text = strings.ReplaceAll(text, secret, "[secret]")
	}
	n := 0
	text = strings.Map(func(r rune) rune {
		if n++; n > most {
			return -1
		}
		if unicode.IsControl(r) || r == unicode.ReplacementChar {
			return ' '
		}
		return r
	}, text)
	return strings.TrimSpace(text)
}

// secrets returns the texts that must not be shown, longest parts first.
func (t Target) secrets() (all []string) {
	add := func(texts ...string) {
		for _, s := range texts {
			if len(s) >= 6 { // shorter ones are words like "hook"
				all = append(all, s)
			}
		}
	}
	add(t.URL, t.Secret, t.Previous, strings.TrimPrefix(t.Secret, "whsec_"),
		strings.TrimPrefix(t.Previous, "whsec_"))
	u, err := url.Parse(t.URL)
	if err != nil {
		return all
	}
	password, _ := u.User.Password()
	add(u.RequestURI(), u.Path, u.RawQuery, u.User.String(), u.User.Username(), password)
	for _, values := range u.Query() { // unescaped
		add(values...)
	}
	for _, part := range strings.FieldsFunc(u.Path+"&"+u.RawQuery,
		func(r rune) bool { return strings.ContainsRune("/&=", r) }) {
		add(part)
	}
	return all
}
