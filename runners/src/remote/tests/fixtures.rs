//! Streams as servers send them, each in the manner of the one it is named for, and what they hold.

use crate::completion::{Finish, ReasoningKind};

/// A stream and what it comes to.
pub(in crate::remote) struct Fixture {
    pub name: &'static str,
    pub stream: &'static str,
    pub answer: &'static str,
    pub reasoning: (ReasoningKind, &'static str),
    pub finish: Finish,
    /// Input, output and reasoning tokens.
    pub usage: (Option<u64>, Option<u64>, Option<u64>),
}

/// Every stream that is a whole answer.
pub(in crate::remote) const FIXTURES: [Fixture; 8] = [
    Fixture {
        name: "openai: usage in a chunk without choices, reasoning counted but not shown",
        stream: concat!(
            r#"data: {"id":"c1","object":"chat.completion.chunk","model":"gpt-x","system_fingerprint":"fp","choices":[{"index":0,"delta":{"role":"assistant","content":"","refusal":null},"finish_reason":null}],"usage":null}"#,
            "\n\n",
            r#"data: {"id":"c1","model":"gpt-x","choices":[{"index":0,"delta":{"content":"The "},"finish_reason":null}]}"#,
            "\n\n",
            r#"data: {"id":"c1","model":"gpt-x","choices":[{"index":0,"delta":{"content":"answer: 4"},"finish_reason":null}]}"#,
            "\n\n",
            r#"data: {"id":"c1","model":"gpt-x","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#,
            "\n\n",
            r#"data: {"id":"c1","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":70,"total_tokens":79,"completion_tokens_details":{"reasoning_tokens":64}}}"#,
            "\n\ndata: [DONE]\n\n",
        ),
        answer: "The answer: 4",
        reasoning: (ReasoningKind::Hidden, ""),
        finish: Finish::Stop,
        usage: (Some(9), Some(70), Some(64)),
    },
    Fixture {
        name: "deepseek: comments in the queue, reasoning in a field, usage in the last chunk",
        stream: concat!(
            ": keep-alive\n\n: keep-alive\n\n",
            r#"data: {"id":"d","choices":[{"index":0,"delta":{"role":"assistant","content":null,"reasoning_content":"2 + "},"finish_reason":null}]}"#,
            "\n\n",
            r#"data: {"id":"d","choices":[{"index":0,"delta":{"content":null,"reasoning_content":"2"},"finish_reason":null}]}"#,
            "\n\n: keep-alive\n\n",
            r#"data: {"id":"d","choices":[{"index":0,"delta":{"content":"4","reasoning_content":null},"finish_reason":null}]}"#,
            "\n\n",
            r#"data: {"id":"d","choices":[{"index":0,"delta":{"content":""},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":6,"prompt_cache_hit_tokens":1,"completion_tokens_details":{"reasoning_tokens":4}}}"#,
            "\n\ndata: [DONE]\n\n",
        ),
        answer: "4",
        reasoning: (ReasoningKind::Full, "2 + 2"),
        finish: Finish::Stop,
        usage: (Some(3), Some(6), Some(4)),
    },
    Fixture {
        name: "openrouter: the reasoning twice, as text and as details",
        stream: concat!(
            ": OPENROUTER PROCESSING\r\n\r\n",
            r#"data: {"id":"r","provider":"P","choices":[{"index":0,"delta":{"content":"","reasoning":"so","reasoning_details":[{"type":"reasoning.text","text":"so"}]},"finish_reason":null,"native_finish_reason":null}]}"#,
            "\r\n\r\n",
            r#"data: {"id":"r","choices":[{"index":0,"delta":{"content":"4 é","reasoning":null},"finish_reason":"length","native_finish_reason":"MAX"}]}"#,
            "\r\n\r\ndata: [DONE]\r\n\r\n",
        ),
        answer: "4 é",
        reasoning: (ReasoningKind::Full, "so"),
        finish: Finish::Length,
        usage: (None, None, None),
    },
    Fixture {
        name: "mistral: typed parts of the content",
        stream: concat!(
            r#"data: {"choices":[{"index":0,"delta":{"content":[{"type":"thinking","thinking":[{"type":"text","text":"2+"}]}]},"finish_reason":null}]}"#,
            "\n\n",
            r#"data: {"choices":[{"index":0,"delta":{"content":[{"type":"thinking","thinking":[{"type":"text","text":"2"}]},{"type":"text","text":"is "}]},"finish_reason":null}]}"#,
            "\n\n",
            r#"data: {"choices":[{"index":0,"delta":{"content":"4"},"finish_reason":"model_length"}],"usage":{"prompt_tokens":5,"completion_tokens":7}}"#,
            "\n\n",
        ),
        answer: "is 4",
        reasoning: (ReasoningKind::Full, "2+2"),
        finish: Finish::Context,
        usage: (Some(5), Some(7), None),
    },
    Fixture {
        name: "vllm without a parser: tags cut over deltas, no closing blank line",
        stream: concat!(
            r#"data: {"choices":[{"index":0,"delta":{"content":"<th"}}]}"#,
            "\n\n",
            r#"data: {"choices":[{"index":0,"delta":{"content":"ink>hm</thi"}}]}"#,
            "\n\n",
            r#"data: {"choices":[{"index":0,"delta":{"content":"nk>\n\n4"},"finish_reason":"stop","stop_reason":null}]}"#,
        ),
        answer: "4",
        reasoning: (ReasoningKind::InlineTags, "hm"),
        finish: Finish::Stop,
        usage: (None, None, None),
    },
    Fixture {
        name: "a block that the limit cut",
        stream: concat!(
            "\u{feff}",
            r#"data: {"choices":[{"index":0,"delta":{"content":"<think>and so on"},"finish_reason":"length"}]}"#,
            "\r\rdata: [DONE]\r\r",
        ),
        answer: "",
        reasoning: (ReasoningKind::InlineTags, "and so on"),
        finish: Finish::LengthInReasoning,
        usage: (None, None, None),
    },
    Fixture {
        name: "azure: a first chunk without choices; one event that is not JSON; an unknown reason",
        stream: concat!(
            r#"data: {"choices":[],"prompt_filter_results":[{}]}"#,
            "\n\ndata: {oops\n\nevent: message\nid: 1\n",
            r#"data: {"choices":[{"index":1,"delta":{"content":"other"}},{"delta":{"content":"4"},"finish_reason":""}]}"#,
            "\n\n",
            r#"data: {"choices":[{"index":0,"delta":{},"finish_reason":"abort"}]}"#,
            "\n\n",
        ),
        answer: "4",
        reasoning: (ReasoningKind::None, ""),
        finish: Finish::Other(String::new()),
        usage: (None, None, None),
    },
    Fixture {
        name: "one object in the place of a stream",
        stream: "\n\n  {\"choices\":[{\"message\":{\"content\":\"4\",\"reasoning\":\"r\"},\
                 \"finish_reason\":\"stop\"}]}",
        answer: "4",
        reasoning: (ReasoningKind::Full, "r"),
        finish: Finish::Stop,
        usage: (None, None, None),
    },
];
