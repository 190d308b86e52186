package slack

// length is the most that Slack may count for s: a rune beyond the basic plane counts as two
// characters, and an escaped one as its entity.
func length(s string) (n int) {
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

// clip shortens s to at most limit, measured by length.
func clip(s string, limit int) string {
	if length(s) <= limit {
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
