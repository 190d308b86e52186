package backup

import (
	"encoding/json"
	"testing"

	strict "github.com/go-json-experiment/json"

	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// TestSumsKeepTheirPlaceInTheManifest reads the sums of a manifest of the first version and writes
// them as they were.
func TestSumsKeepTheirPlaceInTheManifest(t *testing.T) {
	const text = `{"tenants":3,"events":3000,"tokens":99999999999999999999,"deadEvents":0,` +
		`"rollups":{"rows":7,"events":3000,"tokens":99999999999999999999},` +
		`"usageDaily":{"rows":2,"events":3000,"tokens":4501500},"alerts":1,"deliveries":2,"apiKeys":0,` +
		`"ledgerRows":4,"ledgerSeqs":[],"lastFlushed":""}`
	var s Sums
	if err := strict.Unmarshal([]byte(text), &s, numbers); err != nil {
		t.Fatal(err)
	}
	if n := s.Rollups; n.Rows != 7 || len(n.Amounts) != 2 || n.Amounts["tokens"] != "99999999999999999999" {
		t.Errorf("rollups are %+v", n)
	}
	if of := s.amounts(); len(of) != 2 || of[0] != meter.Tokens || of[1] != meter.Events {
		t.Errorf("it was added up by %v", of)
	}
	again, err := json.Marshal(s)
	if err != nil || string(again) != text {
		t.Errorf("got\n%s, %v, want\n%s", again, err, text)
	}
}
