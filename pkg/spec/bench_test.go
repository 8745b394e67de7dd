package spec_test

import (
	"os"
	"testing"

	"github.com/mlopsctl/mlopsctl/pkg/spec"
)

func BenchmarkParse(b *testing.B) {
	data, err := os.ReadFile("testdata/full.yaml")
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if stack, _ := spec.Parse("mlops.yaml", data, spec.Options{}); stack == nil {
			b.Fatal("the full spec is not clean")
		}
	}
}
