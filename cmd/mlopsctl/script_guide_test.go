package main

import (
	"fmt"
	"path/filepath"
	"testing"
)

// TestEveryRowOfTheGuideHasItsScript: the guide's table has 19 rows, and each is walked by one script of its own; the
// whole of it is walked by one more.
func TestEveryRowOfTheGuideHasItsScript(t *testing.T) {
	const rows = 19
	all, err := filepath.Glob("testdata/script/guide_row_*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for row := 1; row <= rows; row++ {
		found, err := filepath.Glob(fmt.Sprintf("testdata/script/guide_row_%02d_*.txtar", row))
		if err != nil || len(found) != 1 {
			t.Errorf("row %d of the guide has the scripts %q, want one: %v", row, found, err)
		}
	}
	if len(all) != rows {
		t.Errorf("%d scripts are named after a row, the guide has %d: %q", len(all), rows, all)
	}
	if whole, err := filepath.Glob("testdata/script/the_whole_guide.txtar"); err != nil || len(whole) != 1 {
		t.Errorf("no script walks the whole guide: %v", err)
	}
}
