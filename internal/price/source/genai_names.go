package source

import (
	"regexp"
	"strings"

	"github.com/eduardosanzb/flagmeter/internal/price"
)

// clause says which names mean a model. One of its fields is set.
type clause struct {
	Equals     *string  `json:"equals"`
	StartsWith *string  `json:"starts_with"`
	EndsWith   *string  `json:"ends_with"`
	Contains   *string  `json:"contains"`
	Regex      *string  `json:"regex"`
	Or         []clause `json:"or"`
	And        []clause `json:"and"`

	expression *regexp.Regexp // of Regex, once it was needed
	refused    bool           // Go cannot compile Regex
}

// dates are how providers end the names of snapshots, in patterns.
var dates = []string{"-####-##-##", "-########", "@########"}

// names declares aliases and patterns. A data set matches by beginnings of names, which a price
// book does not: it gets the names that the set writes out, and the dated snapshots of its models.
// Each must lead to the same model by the rules of the set.
func (p *genAIProvider) names() (names []price.Name) {
	provider, declared := price.CanonicalProvider(p.ID), map[string]bool{}
	models := map[string]bool{}
	for _, m := range p.Models {
		models[m.ID] = true
	}
	for _, m := range p.Models {
		stems := append([]string{m.ID}, m.Match.literals()...)
		for _, stem := range stems {
			if strings.ContainsAny(stem[max(len(stem)-1, 0):], "-@:/") {
				continue // a beginning that others follow, and no name
			}
			for _, end := range append([]string{"", "-latest"}, dates...) {
				name := stem + end
				if end != "" && strings.HasSuffix(stem, "-latest") {
					break
				}
				if declared[name] || models[name] || price.CheckDeclared(name) != "" ||
					p.model(sample(name)) != m.ID {
					continue
				}
				declared[name] = true
				names = append(names, price.Name{Provider: provider, Name: name, Model: m.ID})
			}
		}
	}
	return names
}

// sample is a name that a pattern matches.
func sample(pattern string) string {
	const date = "20260131"
	i := -1
	return strings.Map(func(r rune) rune {
		if r != '#' {
			return r
		}
		i++
		return rune(date[i%len(date)])
	}, pattern)
}

// model is the model that a name means to the data set, "" if none or if that cannot be told.
func (p *genAIProvider) model(name string) string {
	name = strings.ToLower(name)
	for i := range p.Models {
		m := &p.Models[i]
		switch matches, known := m.Match.matches(name); {
		case !known:
			return ""
		case matches:
			return m.ID
		}
	}
	return ""
}

// literals are the texts with which the names that match can be written out.
func (c *clause) literals() (all []string) {
	for _, one := range []*string{c.Equals, c.StartsWith} {
		if one != nil {
			all = append(all, *one)
		}
	}
	if c.Regex != nil {
		// ^model-\d{8}$ says that model has dated snapshots.
		stem := strings.TrimPrefix(*c.Regex, "^")
		if i := strings.Index(stem, `-\d`); i > 0 {
			stem = strings.ReplaceAll(stem[:i], `\.`, ".")
			if regexp.QuoteMeta(stem) == strings.ReplaceAll(stem, ".", `\.`) {
				all = append(all, stem)
			}
		}
	}
	for i := range c.Or {
		all = append(all, c.Or[i].literals()...)
	}
	return all
}

// matches reports whether a name in lower case matches, unless that is not known: regular
// expressions of Python have more than those of Go.
func (c *clause) matches(name string) (matches, known bool) {
	lower := func(s *string) string { return strings.ToLower(*s) }
	switch {
	case c.Equals != nil:
		return name == lower(c.Equals), true
	case c.StartsWith != nil:
		return strings.HasPrefix(name, lower(c.StartsWith)), true
	case c.EndsWith != nil:
		return strings.HasSuffix(name, lower(c.EndsWith)), true
	case c.Contains != nil:
		return strings.Contains(name, lower(c.Contains)), true
	case c.Regex != nil:
		if c.expression == nil && !c.refused {
			var err error
			c.expression, err = regexp.Compile(*c.Regex)
			c.refused = err != nil
		}
		return !c.refused && c.expression.MatchString(name), !c.refused
	case c.Or != nil:
		known = true
		for i := range c.Or {
			one, told := c.Or[i].matches(name)
			if one && told {
				return true, true
			}
			known = known && told
		}
		return false, known
	case c.And != nil:
		matches, known = true, true
		for i := range c.And {
			one, told := c.And[i].matches(name)
			if !one && told {
				return false, true
			}
			known = known && told
		}
		return matches, known
	}
	return false, true
}
