package alerttest

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"
)

// rule says what is wrong with a value, which is at path.
type rule func(path string, v any) error

type fields map[string]rule

// object wants all of must, and nothing but that and may.
func object(must, may fields) rule {
	return func(path string, v any) error {
		o, ok := v.(map[string]any)
		if !ok {
			return fmt.Errorf("%s is not an object", path)
		}
		for name := range must {
			if _, ok := o[name]; !ok {
				return fmt.Errorf("%s has no %s", path, name)
			}
		}
		for name, value := range o {
			check := must[name]
			if check == nil {
				check = may[name]
			}
			if check == nil {
				return fmt.Errorf("%s has the unknown field %q", path, name)
			}
			if err := check(path+"."+name, value); err != nil {
				return err
			}
		}
		return nil
	}
}

// kinds wants an object with a type, and goes by that.
func kinds(rules map[string]rule) rule {
	return func(path string, v any) error {
		o, ok := v.(map[string]any)
		if !ok {
			return fmt.Errorf("%s is not an object", path)
		}
		kind, _ := o["type"].(string)
		check, ok := rules[kind]
		if !ok {
			return fmt.Errorf("%s has the unknown type %q", path, kind)
		}
		return check(path, v)
	}
}

func list(least, most int, each rule) rule {
	return func(path string, v any) error {
		l, ok := v.([]any)
		if !ok {
			return fmt.Errorf("%s is not a list", path)
		}
		if len(l) < least || len(l) > most {
			return fmt.Errorf("%s has %d items, not %d to %d", path, len(l), least, most)
		}
		for i, item := range l {
			if err := each(fmt.Sprintf("%s[%d]", path, i), item); err != nil {
				return err
			}
		}
		return nil
	}
}

// text wants so many characters, as UTF-16 counts, and no control characters but line ends.
func text(least, most int) rule {
	return func(path string, v any) error {
		s, ok := v.(string)
		if !ok {
			return fmt.Errorf("%s is not a text", path)
		}
		if n := len(utf16.Encode([]rune(s))); n < least || n > most {
			return fmt.Errorf("%s has %d characters, not %d to %d", path, n, least, most)
		}
		if strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) && r != '\n' }) {
			return fmt.Errorf("%s has control characters", path)
		}
		return nil
	}
}

func one(values ...string) rule {
	return func(path string, v any) error {
		if s, ok := v.(string); !ok || !slices.Contains(values, s) {
			return fmt.Errorf("%s is %v, not one of %s", path, v, strings.Join(values, ", "))
		}
		return nil
	}
}

func number(want float64) rule {
	return func(path string, v any) error {
		if v != want {
			return fmt.Errorf("%s is %v, not %v", path, v, want)
		}
		return nil
	}
}

func boolean(path string, v any) error {
	if _, ok := v.(bool); !ok {
		return fmt.Errorf("%s is not true or false", path)
	}
	return nil
}

func null(path string, v any) error {
	if v != nil {
		return fmt.Errorf("%s is not null", path)
	}
	return nil
}

func timestamp(path string, v any) error {
	s, _ := v.(string)
	if _, err := time.Parse(time.RFC3339, s); err != nil {
		return fmt.Errorf("%s is not a time as in RFC 3339", path)
	}
	return nil
}

func address(most int) rule {
	return func(path string, v any) error {
		if err := text(1, most)(path, v); err != nil {
			return err
		}
		u, err := url.Parse(v.(string)) // text has seen to that
		if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
			return fmt.Errorf("%s is not the address of a web page", path)
		}
		return nil
	}
}
