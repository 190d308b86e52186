// Package alertertest holds test helpers that the alerter's packages share.
package alertertest
