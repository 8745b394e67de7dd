package plan

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// crowd is n objects, each of which needs the one ten before it, half of them as wished.
func crowd(n int) Input {
	in := Input{Types: things, Seen: map[string]Observation{}}
	for i := range n {
		w := resource.Wish{Addr: thing(fmt.Sprintf("t%05d", i)), Want: resource.Object{"name": "n", "size": float64(i)}}
		if i >= 10 {
			w.Want["up"] = map[string]any{"$ref": in.Wishes[i-10].Addr.String(), "field": "id"}
		}
		in.Wishes = append(in.Wishes, w)
		in.Seen[w.Addr.String()] = Observation{State: Absent}
		if i%2 == 0 {
			in.Seen[w.Addr.String()] = Observation{State: Present, Object: resource.Object{"size": float64(i), "id": fmt.Sprint(i)}}
		}
	}
	return in
}

func BenchmarkBuildAndWrite(b *testing.B) {
	for _, n := range []int{100, 5000} {
		b.Run(fmt.Sprintf("%d objects", n), func(b *testing.B) {
			in := crowd(n)
			for b.Loop() {
				changes, err := Build(in)
				if err != nil || len(changes) != n {
					b.Fatal(len(changes), err)
				}
				if _, err := json.Marshal(&Plan{Changes: changes}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkSelect(b *testing.B) {
	in := crowd(5000)
	for b.Loop() {
		if got := Select(in.Wishes, func(w resource.Wish) bool { return MatchAddress("*t0499?", w.Addr.String()) }); len(got) == 0 {
			b.Fatal("nothing is selected")
		}
	}
}
