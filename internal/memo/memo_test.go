package memo

import (
	"context"
	"errors"
	"slices"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestAnInterruptedFetchIsNotRemembered(t *testing.T) {
	var m Memo
	ctx, cancel := context.WithCancel(t.Context())
	started := make(chan struct{})
	first := make(chan error)
	go func() {
		_, err := Recall(ctx, &m, "key", func(ctx context.Context) (int, error) {
			close(started)
			<-ctx.Done()
			return 0, ctx.Err()
		})
		first <- err
	}()
	<-started
	second := make(chan int)
	go func() {
		value, err := Recall(t.Context(), &m, "key", func(context.Context) (int, error) { return 7, nil })
		if err != nil {
			t.Error(err)
		}
		second <- value
	}()
	cancel()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Errorf("the interrupted caller got %v", err)
	}
	if value := <-second; value != 7 {
		t.Errorf("the other caller got %d", value)
	}
}

func TestWhatIsAloneIsForWhoAskedAndNobodyElse(t *testing.T) {
	var m Memo
	failed := errors.New("it failed")
	started, end, first := make(chan struct{}), make(chan struct{}), make(chan error)
	go func() {
		_, err := Recall(t.Context(), &m, "key", func(context.Context) (int, error) {
			close(started)
			<-end
			return 0, Alone(failed)
		})
		first <- err
	}()
	<-started
	second := make(chan int)
	go func() {
		value, err := Recall(t.Context(), &m, "key", func(context.Context) (int, error) { return 7, nil })
		if err != nil {
			t.Error(err)
		}
		second <- value
	}()
	close(end)
	if err := <-first; !errors.Is(err, failed) || err.Error() != failed.Error() {
		t.Errorf("who asked got %v", err)
	}
	if value := <-second; value != 7 {
		t.Errorf("who waited got %d", value)
	}
}

func TestAnAnswerIsAmendedAndWhoHasTheOldOneKeepsIt(t *testing.T) {
	var m Memo
	fetches := 0
	ask := func() []int {
		list, err := Recall(t.Context(), &m, "key", func(context.Context) ([]int, error) { fetches++; return []int{fetches}, nil })
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	add := func(list []int) []int { return append(slices.Clone(list), 7) }
	Amend(&m, "key", add)
	before := ask()
	Amend(&m, "key", add)
	if after := ask(); !slices.Equal(before, []int{1}) || !slices.Equal(after, []int{1, 7}) || fetches != 1 {
		t.Errorf("from %v to %v in %d fetches; want 1, then 1 and 7, in one", before, after, fetches)
	}
	Amend(&m, "key", func(s string) string { return s })
	if ask(); fetches != 2 {
		t.Errorf("%d fetches; want another one after what is no amendment", fetches)
	}
}

func TestADropForgetsTheKeyOrAllBelowIt(t *testing.T) {
	for drop, again := range map[string]int{"a": 1, "a/": 2, "": 4, "c": 0} {
		var m Memo
		fetches := 0
		ask := func() {
			for _, key := range []string{"a", "a/1", "a/2", "b"} {
				if _, err := Recall(t.Context(), &m, key, func(context.Context) (int, error) { fetches++; return fetches, nil }); err != nil {
					t.Fatal(err)
				}
			}
		}
		ask()
		m.Drop(drop)
		ask()
		if fetches != 4+again {
			t.Errorf("after a drop of %q %d were fetched again, want %d", drop, fetches-4, again)
		}
	}
}
