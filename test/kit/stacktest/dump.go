package stacktest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
)

// Dump is the whole content of the client's Valkey database: for each key its type, its
// content and whether it expires. Two dumps are equal exactly if nothing has changed in
// between but the time to live of keys.
func Dump(tb testing.TB, client *redis.Client) map[string]string {
	tb.Helper()
	ctx := tb.Context()
	dump := map[string]string{}
	scan := client.Scan(ctx, 0, "", 1000).Iterator()
	for scan.Next(ctx) {
		key := scan.Val()
		kind, err := client.Type(ctx, key).Result()
		if err != nil {
			tb.Fatal(err)
		}
		var content string
		switch kind {
		case "string":
			content, err = client.Get(ctx, key).Result()
		case "list":
			var elements []string
			elements, err = client.LRange(ctx, key, 0, -1).Result()
			content = strings.Join(elements, "|")
		case "hash":
			var fields map[string]string
			fields, err = client.HGetAll(ctx, key).Result()
			var parts []string
			for _, field := range slices.Sorted(maps.Keys(fields)) {
				parts = append(parts, field+"="+fields[field])
			}
			content = strings.Join(parts, "|")
		case "zset":
			var members []redis.Z
			members, err = client.ZRangeWithScores(ctx, key, 0, -1).Result()
			var parts []string
			for _, m := range members {
				parts = append(parts, fmt.Sprintf("%.0f=%v", m.Score, m.Member))
			}
			content = strings.Join(parts, "|")
		default:
			tb.Fatalf("key %q is a %s, which the program does not use", key, kind)
		}
		if err != nil {
			tb.Fatal(err)
		}
		ttl, err := client.PTTL(ctx, key).Result()
		if err != nil {
			tb.Fatal(err)
		}
		if ttl > 0 {
			kind += ", expires"
		}
		dump[key] = kind + ": " + content
	}
	if err := scan.Err(); err != nil {
		tb.Fatal(err)
	}
	return dump
}

// SameDump fails the test unless two dumps are equal, and names the keys that differ.
func SameDump(tb testing.TB, got, want map[string]string) {
	tb.Helper()
	keys := maps.Clone(want)
	maps.Copy(keys, got)
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		if got[key] != want[key] {
			tb.Errorf("Valkey key %q:\n got %.400q\nwant %.400q", key, got[key], want[key])
		}
	}
}
