package resource

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"reflect"
)

// Type is a kind as the engine knows it: the same promises as Kind, over Objects, with its client
// bound in. A func that is nil is one that the kind does not have.
type Type struct {
	Name, Doc                       string
	Host                            string // where its objects live, unless an object says so itself in its field host
	Identity, CreateOnly, Immutable []string
	LiveIdentity                    []string
	Items                           string
	Guard                           Guard
	Harmless                        bool
	ReadsOpen, Awaited, Starts      bool
	Fields                          map[string]string // of its objects: string, int, bool, list or object

	Declare func(Wishes) ([]Wish, error)
	Read    func(ctx context.Context, want Object) (Object, error)
	Create  func(ctx context.Context, want Object) (Object, error)
	Update  func(ctx context.Context, have, want Object) (Object, error)
	Delete  func(ctx context.Context, have Object) error
	Check   func(ctx context.Context, want Object) error
	Warn    func(want, have Object) (*Warning, error) // have is nil where the object is not there
	Danger  func(have, want Object) (Guard, error)
	Due     func(have Object) (Renewal, error)
	Ready   func(ctx context.Context, made Object) (bool, error)
	Touched func(ctx context.Context, have Object) (Touch, error)
	Find    func(ctx context.Context, want Object) (Object, bool, error)
	Fits    func(Object) error // reports why an object from outside is none of the kind
	Foreign func(want Object) (bool, error)
	Marked  func(stack string, have Object) (bool, error)
	Stays   func(have Object) (string, error)
	Shrink  func(want, made Object) (Object, error)
	Moved   func(want, was Object) (Object, error)
	Others  func(ctx context.Context, want Object) ([]Wish, error)
	Batch   func(want Object) (string, error)
	Write   func(ctx context.Context, changes []Change[Object]) []error
}

// Wish is a Decl as the engine knows it.
type Wish = Decl[Object]

// Bind closes a kind over its client. It is the only place where a T becomes an Object.
func Bind[C, T any](k Kind[C, T], c C) Type {
	t := Type{
		Name: k.Name, Doc: k.Doc, Identity: k.Identity, CreateOnly: k.CreateOnly,
		Immutable: k.Immutable, LiveIdentity: k.LiveIdentity, Items: k.Items, Guard: k.Guard, Harmless: k.Harmless, ReadsOpen: k.ReadsOpen, Awaited: k.Awaited, Starts: k.Starts,
		Fields:  fieldsOf(reflect.TypeFor[T]()),
		Declare: func(w Wishes) ([]Wish, error) { return ToWishes(k.Declare(w)) },
		Read: func(ctx context.Context, want Object) (Object, error) {
			return call(want, func(w T) (T, error) { return k.Read(ctx, c, w) })
		},
		Create: func(ctx context.Context, want Object) (Object, error) {
			return call(want, func(w T) (T, error) { return k.Create(ctx, c, w) })
		},
	}
	bindWrites(&t, k, c)
	bindQuestions(&t, k, c)
	bindOwnership(&t, k, c)
	return t
}

func bindOwnership[C, T any](t *Type, k Kind[C, T], c C) {
	t.Fits = func(o Object) error { return only(o, func(T) error { return nil }) }
	if k.Foreign != nil {
		t.Foreign = func(want Object) (bool, error) {
			return with(want, func(w T) (bool, error) { return k.Foreign(w), nil })
		}
	}
	if k.Marked != nil {
		t.Marked = func(stack string, have Object) (bool, error) {
			return with(have, func(h T) (bool, error) { return k.Marked(stack, h), nil })
		}
	}
	if k.Stays != nil {
		t.Stays = func(have Object) (string, error) {
			return with(have, func(h T) (string, error) { return k.Stays(h), nil })
		}
	}
	if k.Shrink != nil {
		t.Shrink = func(want, made Object) (Object, error) {
			return with(made, func(m T) (Object, error) {
				return call(want, func(w T) (T, error) { return k.Shrink(w, m), nil })
			})
		}
	}
	if k.Moved != nil {
		t.Moved = func(want, was Object) (Object, error) {
			return with(was, func(o T) (Object, error) {
				return call(want, func(w T) (T, error) { return k.Moved(w, o), nil })
			})
		}
	}
	if k.Others != nil {
		t.Others = func(ctx context.Context, want Object) ([]Wish, error) {
			return with(want, func(w T) ([]Wish, error) {
				return k.Others(ctx, c, w)
			})
		}
	}
}

func bindWrites[C, T any](t *Type, k Kind[C, T], c C) {
	if k.Update != nil {
		t.Update = func(ctx context.Context, have, want Object) (Object, error) {
			return with(have, func(h T) (Object, error) {
				return call(want, func(w T) (T, error) { return k.Update(ctx, c, h, w) })
			})
		}
	}
	if k.Delete != nil {
		t.Delete = func(ctx context.Context, have Object) error {
			return only(have, func(h T) error { return k.Delete(ctx, c, h) })
		}
	}
	if k.Batch != nil {
		t.Batch = func(want Object) (string, error) {
			return with(want, func(w T) (string, error) { return k.Batch(w), nil })
		}
		t.Write = func(ctx context.Context, changes []Change[Object]) []error {
			return writeAll(changes, func(typed []Change[T]) []error { return k.Write(ctx, c, typed) })
		}
	}
}

func bindQuestions[C, T any](t *Type, k Kind[C, T], c C) {
	if k.Check != nil {
		t.Check = func(ctx context.Context, want Object) error {
			return only(want, func(w T) error { return k.Check(ctx, c, w) })
		}
	}
	if k.Warn != nil {
		t.Warn = func(want, have Object) (*Warning, error) {
			return with(want, func(w T) (*Warning, error) {
				if have == nil {
					return k.Warn(w, nil), nil
				}
				return with(have, func(h T) (*Warning, error) { return k.Warn(w, &h), nil })
			})
		}
	}
	if k.Danger != nil {
		t.Danger = func(have, want Object) (Guard, error) {
			return with(have, func(h T) (Guard, error) {
				return with(want, func(w T) (Guard, error) { return k.Danger(h, w), nil })
			})
		}
	}
	if k.Due != nil {
		t.Due = func(have Object) (Renewal, error) {
			return with(have, func(h T) (Renewal, error) { return k.Due(h), nil })
		}
	}
	if k.Ready != nil {
		t.Ready = func(ctx context.Context, made Object) (bool, error) {
			return with(made, func(m T) (bool, error) { return k.Ready(ctx, c, m) })
		}
	}
	if k.Touched != nil {
		t.Touched = func(ctx context.Context, have Object) (Touch, error) {
			return with(have, func(h T) (Touch, error) { return k.Touched(ctx, c, h) })
		}
	}
	if k.Find != nil {
		t.Find = func(ctx context.Context, want Object) (Object, bool, error) {
			var found bool
			o, err := with(want, func(w T) (Object, error) {
				made, there, err := k.Find(ctx, c, w)
				if err != nil || !there {
					return nil, err // what is not there is no object
				}
				found = true
				return ToObject(made)
			})
			return o, found, err
		}
	}
}

// ToWishes returns decls with canonical JSON in place of a kind's own structs.
func ToWishes[T any](decls []Decl[T]) ([]Wish, error) {
	wishes := make([]Wish, 0, len(decls))
	for _, d := range decls {
		want, err := ToObject(d.Want)
		if err != nil {
			return nil, fmt.Errorf("declaring %s: %w", d.Addr, err)
		}
		wishes = append(wishes, Wish{Addr: d.Addr, Key: d.Key, Want: want, Needs: d.Needs, At: d.At})
	}
	return wishes, nil
}

// call runs f on the typed form of o. An object that comes with an error is kept: Read says with
// ErrNotFound what is certain already.
func call[T any](o Object, f func(T) (T, error)) (Object, error) {
	return with(o, func(in T) (Object, error) {
		out, failed := f(in)
		made, err := ToObject(out)
		if failed != nil {
			return made, failed
		}
		return made, err
	})
}

func with[T, R any](o Object, f func(T) (R, error)) (R, error) {
	var t T
	if err := fromObject(o, &t); err != nil {
		var none R
		return none, err
	}
	return f(t)
}

func only[T any](o Object, f func(T) error) error {
	_, err := with(o, func(t T) (struct{}, error) { return struct{}{}, f(t) })
	return err
}

func writeAll[T any](changes []Change[Object], write func([]Change[T]) []error) []error {
	typed := make([]Change[T], len(changes))
	for i, c := range changes {
		err := fromObject(c.Have, &typed[i].Have)
		if err == nil {
			err = fromObject(c.Want, &typed[i].Want)
		}
		typed[i].Gone = c.Gone
		if err != nil { // impossible for what ToObject made; nothing is sent if it happens
			failed := make([]error, len(changes))
			for j := range failed {
				failed[j] = err
			}
			return failed
		}
	}
	return write(typed)
}

// ToObject returns v as canonical JSON. A null in it is an error: absent, empty and zero are three
// things, and none of them is null.
func ToObject(v any) (Object, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encoding %T: %w", v, err)
	}
	var o Object
	if err := json.Unmarshal(data, &o); err != nil {
		return nil, fmt.Errorf("encoding %T: %w", v, err)
	}
	if path, found := findNull("", map[string]any(o)); found {
		return nil, fmt.Errorf("encoding %T: %s is null; mark it omitempty or give it a value", v, path)
	}
	return o, nil
}

func fromObject(o Object, v any) error {
	data, err := json.Marshal(o)
	if err != nil {
		return fmt.Errorf("decoding %T: %w", v, err)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("decoding %T: %w", v, err)
	}
	return nil
}

func findNull(path string, v any) (string, bool) {
	switch v := v.(type) {
	case nil:
		return path, true
	case map[string]any:
		for key, item := range v {
			if at, found := findNull(path+"."+key, item); found {
				return at, true
			}
		}
	case []any:
		for i, item := range v {
			if at, found := findNull(fmt.Sprintf("%s[%d]", path, i), item); found {
				return at, true
			}
		}
	}
	return "", false
}
