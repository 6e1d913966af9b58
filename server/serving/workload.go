package serving

import (
	"fmt"
	"strings"

	"vitrine/engine"
	"vitrine/engine/chat"
	"vitrine/engine/sampler"
	"vitrine/engine/tokenizer"
	"vitrine/server/telling"
	"vitrine/visualizer/wire"
)

// A text is what a request is made of: written here for the hall, so that every
// prompt is one that a reader could have typed.
type texts struct {
	questions []string // short ones
	sentences []string // of a long text, in any order
	ask       string   // what a long text is followed by
	brief     string   // what keeps an answer short
	system    string   // the prompt that all shared requests begin with
	repeat    string   // what asks to say a text again
}

// quote asks to say some of the sentences again: an answer that stands in its prompt.
func (t *texts) quote(n int) string {
	return t.repeat + t.sentences[n%len(t.sentences)] + " " + t.sentences[(n+1)%len(t.sentences)]
}

// textsIn gives the texts in a page's language.
func textsIn(locale string) *texts {
	if strings.HasPrefix(strings.ToLower(locale), "zh") {
		return &chinese
	}
	return &english
}

var english = texts{
	questions: []string{
		"Why is the sky blue?", "What is gravity?", "Name three rivers in Asia.", "How do birds find their way?",
		"What does a compiler do?", "Why do leaves fall in autumn?", "Who invented paper?", "What is a prime number?",
		"How is bread made?", "Why is the sea salty?", "What is a black hole?", "Tell me a proverb about time.",
		"How does a vaccine work?", "What causes the tides?", "Why do cats purr?", "What is an atom made of?",
	},
	sentences: []string{
		"Water rises from the sea, becomes cloud, falls as rain, and runs back to the sea.",
		"A library is a memory that many people share, and its catalogue is the table that finds a page.",
		"The moon pulls the water on the near side of the earth a little more than the earth itself.",
		"Printing made it cheap to copy a book, and so many more people learned to read.",
		"A lighthouse turns its lamp all night although most of the time no ship is near.",
		"Bees tell each other by a dance how far away the flowers are, and in which direction.",
		"An old bridge carries more carts when they cross it one behind the other without a gap.",
		"Salt keeps food for months because nothing that would spoil it can live in it.",
		"The first maps of the stars were made by people who had to cross a desert at night.",
		"A clock with a pendulum loses a few seconds a day when it is carried up a mountain.",
		"Silk was carried over half the world long before anyone had travelled the whole way.",
		"Ice is lighter than water, and so a lake freezes from the top and the fish live on below.",
	},
	ask:    "Sum this up in one sentence.",
	brief:  "Answer with one short sentence.",
	repeat: "Repeat the following text word for word: ",
	system: "You are the guide of a museum of science. You answer the questions of visitors of every age in short, friendly and exact sentences. " +
		"You never invent a fact; where something is not known you say so. You explain a hard word when you first use it, you give one example from " +
		"everyday life, and you end with a question that makes the visitor look again at what is shown. The museum has a hall of waves, a hall of heat, " +
		"a hall of numbers and a garden with a sundial; it opens at nine in the morning and closes at six in the evening.",
}

var chinese = texts{
	questions: []string{
		"天空为什么是蓝的？", "什么是引力？", "说出亚洲的三条河流。", "鸟怎样认路？", "编译器是做什么的？", "秋天树叶为什么会落？", "谁发明了纸？", "什么是质数？",
		"面包是怎样做的？", "海水为什么是咸的？", "什么是黑洞？", "说一句关于时间的谚语。", "疫苗怎样起作用？", "潮汐是怎样产生的？", "猫为什么打呼噜？", "原子由什么组成？",
	},
	sentences: []string{
		"水从海面升起，变成云，化作雨落下，又流回海里。", "图书馆是许多人共有的记忆，目录就是找到那一页的表。", "月亮对近侧海水的吸引比对地球本身稍大一些。",
		"印刷术使抄书变得便宜，于是更多的人学会了读书。", "灯塔整夜转动它的灯，虽然大多数时候附近并没有船。", "蜜蜂用舞蹈互相告诉花在多远、在哪个方向。",
		"老桥上的车一辆紧接一辆地走，过桥的就更多。", "盐能让食物保存几个月，因为使它变坏的东西在盐里活不了。", "最早的星图是夜里要穿过沙漠的人画的。",
		"摆钟带上高山，一天会慢几秒。", "在有人走完全程之前很久，丝绸就已被运过半个世界。", "冰比水轻，所以湖从上面结冰，鱼在下面活着。",
	},
	ask:    "请用一句话概括。",
	brief:  "请用一句很短的话回答。",
	repeat: "请一字不差地重复下面的话：",
	system: "你是一座科学博物馆的讲解员。你用简短、亲切而准确的句子回答各个年龄的观众的问题。你从不编造事实，不知道的就说不知道。第一次用到难懂的词时你要解释它，并举一个日常生活的例子，最后提一个问题，让观众再看一眼展品。馆里有波的大厅、热的大厅、数的大厅，还有一个有日晷的花园；早上九点开门，晚上六点关门。",
}

// lengths are the answers' lengths in tokens of mixed requests: as in a chat
// service, many are short and a few are long.
var lengths = [...]int{12, 64, 24, 8, 96, 16, 40, 12}

// prompter makes requests of texts.
type prompter struct {
	tokenizer *tokenizer.Tokenizer
	template  *chat.Template // nil if the model has none
}

// encode writes a conversation in the model's template, or as plain text if it
// has none, and returns its tokens.
func (p *prompter) encode(system, text string) ([]int32, error) {
	rendered := strings.TrimSpace(system + "\n\n" + text)
	if p.template != nil {
		var messages []chat.Message
		if system != "" {
			messages = append(messages, chat.Message{Role: "system", Content: system})
		}
		o := chat.Options{AddGenerationPrompt: true}
		if id, ok := p.tokenizer.BOS(); ok {
			o.BOSToken = p.tokenizer.Piece(id)
		}
		if id, ok := p.tokenizer.EOS(); ok {
			o.EOSToken = p.tokenizer.Piece(id)
		}
		var err error
		if rendered, err = p.template.Render(append(messages, chat.Message{Role: "user", Content: text}), o); err != nil {
			return nil, &telling.BadField{Field: "text", Why: telling.From(fmt.Sprintf("the model's chat template does not take it: %v", err), "told.template")}
		}
	}
	ids, err := p.tokenizer.Encode(rendered, tokenizer.EncodeOptions{ParseSpecial: true})
	if err != nil {
		return nil, &telling.BadField{Field: "text", Why: telling.From(fmt.Sprintf("it cannot be encoded: %v", err), "told.not_encoded")}
	}
	return ids, nil
}

// task is a request before it is added.
type task struct {
	sort    wire.HallSort
	title   string
	request engine.Request
}

// maxTitle is how many characters of a prompt stand in a list.
const maxTitle = 60

// make makes the n-th request of a sort. Requests of a sort differ by their
// number alone, so the same numbers give the same requests.
func (p *prompter) make(sort wire.HallSort, n int, locale, own string, maxTokens int) (task, error) {
	t, kind := textsIn(locale), sort
	question := t.questions[n%len(t.questions)]
	length := lengths[n%len(lengths)]
	if sort == wire.HallMixed {
		kind = wire.HallShort
		if n%4 == 1 {
			kind = wire.HallLong
		}
	}
	text, system := question, ""
	switch kind {
	case wire.HallShort:
		if sort != wire.HallMixed {
			length = 16 + 8*(n%4)
		}
	case wire.HallLong:
		sentences := make([]string, 0, len(t.sentences))
		for i := range 8 {
			sentences = append(sentences, t.sentences[(5*n+i)%len(t.sentences)])
		}
		question = sentences[0]
		text = strings.Join(append(sentences, t.ask), " ")
		length = max(length, 64)
	case wire.HallShared:
		system, length = t.system, 24
	case wire.HallOwn:
		text, question, length = own, own, 48
	}
	if maxTokens > 0 {
		length = maxTokens
	}
	ids, err := p.encode(system, text)
	if err != nil {
		return task{}, err
	}
	params := sampler.Defaults()
	params.MaxTokens, params.Temperature, params.TopP = length, 0.7, 0.95
	params.Seed, params.HasSeed = uint64(n), true
	return task{sort, title(question), engine.Request{Prompt: ids, Params: params}}, nil
}

// title is how a text begins, on one line.
func title(text string) string {
	letters := []rune(strings.Join(strings.Fields(text), " "))
	if len(letters) > maxTitle {
		return string(letters[:maxTitle-1]) + "…"
	}
	return string(letters)
}
