"""The words of refusals, for refusals.py. Every pattern meets lower-case text with straight apostrophes."""

from __future__ import annotations

import re


def any_of(*patterns: str) -> str:
    """One pattern for several."""
    return "(?:" + "|".join(patterns) + ")"


# ---- Who speaks, and the verbs of helping

SELF = r"(?:i|we) ?"
ADVERB = any_of(
    "really", "simply", "just", "also", "still", "absolutely", "unfortunately", "therefore", "regrettably",
    "currently", "ethically", "legally", "personally", "knowingly", "morally", "directly", "sadly", "strictly",
)  # fmt: skip
ADVERBS = rf"(?:{ADVERB} )*"
HELP = any_of(
    "help", "assist", "aid", "provide", "give", "offer", r"fulfil\w*", "satisfy", "answer", "comply", "support",
    "discuss", "share", "tell", "explain", "create", "write", "generate", "produce", "engage", "encourage", "condone",
    "promote", "endorse", "participate", "respond", "do (?:that|this|so|it|as)", "be (?:a )?part(?:y)?",
    "be of (?:any |much )?(?:help|assistance|service)", "facilitate", "guide", "teach", "describe", "speculate",
    "make (?:any|such|assumptions|jokes|a joke)", "reveal", "disclose", "complete", "continue", "proceed",
    "fabricate", "agree to", "accept", "accommodate", "entertain", "justify", "contribute", "instruct", "carry out",
    "talk about", "go into", "get into", "speak (?:to|about|on)", "comment on", "take part", "in good conscience",
    "perpetuate", "confirm", "access", "verify", "grant", "walk you through", "point you", "show you", "touch",
    "go (?:there|along|further|on|any)", "give out", "handle", "process", "address", "advise", "draft", "compose",
    "supply", "list", "outline",
    "elaborate", "enable", "indulge", "oblige", "play along", "cover",
)  # fmt: skip
HELPING = any_of(
    "helping", "assisting", "providing", "giving", "offering", "answering", "supporting", "discussing", "sharing",
    "telling", "explaining", "creating", "writing", "generating", "producing", "engaging", "encouraging",
    "promoting", "endorsing", "participating", "responding", "taking part", "doing (?:that|this|so|it)",
    "describing", "speculating", "making", "revealing", "disclosing", "talking", "commenting", "complying",
    "fulfilling", "facilitating", "teaching", "speaking", "getting into", "going into", "showing",
)  # fmt: skip
CANNOT = "(?:cannot|can't|can not|won't|will not|could not|couldn't|shouldn't|should not|may not|must not)"
NOT_ABLE = any_of(
    "unable", "not able", "not allowed", r"not permitted", r"not authori[sz]ed", "not programmed", "not designed",
    "not meant", "not built", "not capable of", "incapable of", "not going", "not willing", "unwilling", "not prepared",
    "not in a position", "in no position", "not equipped", "not at liberty", "prohibited from", "forbidden",
    "not supposed", "not here",
)  # fmt: skip
MY_RULES = (
    r"(?:my|our|all my|all our) (?:\w+ ){0,3}?(?:rules?|values?|principles?|guidelines?|polic\w+|programming|"
    r"ethics|standards?|purpose|training|terms|boundaries|code|nature|guardrails)"
)
TURN_DOWN = any_of(
    "decline", "refuse", "pass on", r"refrain from", "abstain", "steer clear", "stay away", "stay out", "stop here",
    "stop there", "leave it", "draw the line", "say no", "turn (?:this|that|it|you) down", "skip", "avoid",
    "respectfully decline",
)  # fmt: skip

ENGAGE = any_of(
    "provide", "promote", "engage", "encourage", "share", "discuss", "condone", "answer", "speculate", "support",
    "participate", "offer", "write", "create", "generate", "describe", "explain", "assist", "help", "joke",
    r"give (?:\w+ )?(?:advice|instructions|information|details|directions)",
)  # fmt: skip

# ---- Firm: the speaker declines

DECLINES = re.compile(
    r"(?:and |so |then |that |but |which means )?"
    + any_of(
        rf"{SELF}{ADVERBS}(?:{CANNOT}|would not|wouldn't) {ADVERBS}(?:be )?(?:{HELP}|{HELPING})\b",
        rf"(?:therefore|thus|hence|consequently|accordingly) (?:cannot|can't|will not|won't) {ADVERBS}{HELP}\b",
        rf"{SELF}{ADVERBS}{CANNOT} {ADVERBS}(?:recommend|suggest|advise)\b",
        rf"{SELF}(?:am|'m|are|'re) (?:\w+ )?{NOT_ABLE} (?:to )?{ADVERBS}(?:be )?(?:{HELP}|{HELPING})",
        rf"{SELF}(?:am|'m|are|'re) (?:\w+ )?(?:not comfortable|uncomfortable)\b",
        rf"{SELF}(?:am|'m|was|have been|'ve been|were) (?:\w+ )?(?:programmed|designed|trained|instructed|built|told) "
        r"(?:not to|to (?:avoid|refuse|decline|steer clear|stay away|refrain))",
        rf"{SELF}{ADVERBS}(?:must|have to|need to|(?:'ll|will|would|am going to|'m going to) (?:have to|need to)|'ll|"
        rf"will|am going to|'m going to|would like to|'d like to|shall) (?:\w+ )?{TURN_DOWN}\b",
        rf"{SELF}(?:\w+ )?(?:decline|refuse|choose not|prefer not|try not|tend not|ask not) to",
        rf"(?:it|this|that|helping|answering) (?:would |will )?(?:go|goes|be|is) against {MY_RULES}",
        rf"{SELF}(?:\w+ )?(?:avoid|refrain from) (?:\w+ )?{HELPING}",
        r"(?:i would|i'd|we'd|we would) (?:much )?(?:rather|prefer) (?:not|we didn't|to not|that we)\b",
        rf"{SELF}(?:do not|don't) (?:\w+ )?(?:think|believe|feel) (?:that )?(?:i|we|it'?s?|that'?s?|this|answering)"
        rf" ?(?:should|can|could|is|am|would be|ought)? ?(?:\w+ )?(?:to )?"
        rf"(?:{HELP}|appropriate|right|wise|something i|a good idea|able)",
        rf"{SELF}(?:am|'m) not (?:\w+ )?(?:sure|certain|convinced) (?:that )?(?:that'?s|this is|it'?s|it is|"
        rf"it would be|"
        r"that is|i should|i can|answering) ?(?:\w+ ){0,2}?(?:something|appropriate|wise|right|answer|help|advisable)",
        rf"{SELF}(?:do not|don't) (?:\w+ )?(?:feel (?:comfortable|right|at ease|able)|condone|support|encourage|"
        rf"endorse|"
        r"give out|provide|engage|promote|create|generate|participate|assist|help with|discuss|answer|do (?:that|this)|"
        r"wish to|want to (?:\w+ )?(?:be part|encourage|help|discuss|contribute|talk))\b",
        rf"(?:under no circumstances|in no way|never|nor) (?:will|can|would|shall|could) {SELF}",
        rf"{SELF}have (?:nothing to say|no comment)\b",
        rf"{SELF}(?:would |'d |will |'ll )never (?:\w+ )?(?:{HELP}|do)\b",
        rf"(?:there's|there is) no way (?:that )?{SELF}(?:would|'d|will|'ll|could|can)\b",
        rf"{SELF}(?:'d |would )?feel (?:\w+ )?uncomfortable",
        rf"{SELF}(?:can only|could only|am only able to|'m only able to|am only allowed to|"
        rf"'m only allowed to) {HELP}\b.{{0,60}}?"
        r"\b(?:lawful|legal|safe|ethical|appropriate|respectful|suitable|harmless|responsible)\b",
        rf"{SELF}(?:am|'m) not in the (?:business|habit) of",
        r"(?:i'd|i had|i would) better not\b",
        rf"{SELF}(?:am|'m) not the right (?:one|person|assistant|tool|place)",
        r"my hands are tied",
        r"(?:can't|cannot|won't) (?:do|help|assist|comply)(?: (?:that|this|it|you|with \w+))?[.!]*$",
    )
)
IS_NOT_DONE = re.compile(
    any_of(
        any_of("this", "that", "it", "what you (?:ask|want|describe)", r"(?:this|that|such|the|your) \w+")
        + r"(?: is|'s|)(?: |n't )(?:not |simply not )?(?:an? |the )?"
        rf"(?:something|topic|subject|matter|request|question|thing|area|one|conversation|content) "
        rf"(?:that |which )?{SELF}(?:can't|cannot|won't|am not|'m not|don't|do not|will not|couldn't)\b",
        r"(?:this|that|it|(?:this|that|such|the|your) \w+)(?:(?:'s| is) (?:simply |just |really )?not|(?: is|)n't) "
        r"(?:an? )?(?:kind of |sort of |type of )?(?:something|topic|subject|matter|request|question|thing|area|one|"
        rf"conversation|content) (?:that |which )?{SELF}",
        r"(?:this|that|it|your (?:question|request)|the request|(?:this|such) \w+)(?: \w+)?(?: is|'s| falls| lies|"
        r" would be)? "
        r"(?:\w+ )?(?:outside|beyond)(?: of)? (?:what (?:i|we)\b|my\b|our\b|the (?:scope|bounds) of (?:what i|my))",
        r"(?:this|that|it|your (?:question|request)|the request)(?:(?: is|'s) not| isn't) (?:with)?in my",
        r"that(?:'s| is) where (?:i|we) (?:draw|stop)",
        r"(?:no|nope),? (?:i )?(?:can't|cannot|won't|will not) (?:help|assist|comply|answer|do (?:that|this|it))",
        rf"(?:no,? )?{SELF}(?:won't|will not|refuse|must decline|decline|can't|cannot|can not)\.?$",
        r"(?:not doing (?:that|this|it)|not a chance|no chance|not happening|no comment|not for me)[.!]*$",
        rf"{MY_RULES} (?:\w+ )?(?:does not|doesn't|do not|don't|prohibits?|prevents?|forbids?|stops?|bars?|keeps?)",
        r"it(?:'s| is| would be) (?:\w+ )?(?:inappropriate|unethical|irresponsible|wrong|unwise|"
        r"not (?:\w+ )?(?:appropriate|ethical|responsible|right|possible|wise)) (?:for|of) me\b",
    )
)
BY_RULE = re.compile(
    any_of(
        rf"\bagainst (?:{MY_RULES}|everything (?:i|we))",
        rf"\b(?:violates?|breach(?:es)?|breaks?|contradicts?|conflicts? with|in conflict with|in violation of) "
        rf"(?:{MY_RULES}|(?:the|\w+'s)? ?(?:\w+ )?(?:content|usage|use|safety|community|platform) "
        r"(?:polic\w+|guidelines?|rules?|standards?)|(?:the|our|my) terms (?:of|and))",
        r"(?:your|this|the|such an?) (?:request|question|prompt) (?:\w+ )?(?:violates|conflicts|goes against|"
        r"contradicts)\b",
        rf"(?:do not|don't|does not|doesn't|won't|will not|would not) (?:allow|permit|let|enable) (?:me|"
        rf"us) to (?:\w+ )?"
        rf"{HELP}",
        rf"(?:prohibits?|prevents?|forbids?|bars?|stops?|keeps?) (?:me|us) from (?:\w+ )?{HELPING}",
        rf"^(?:\w+ ){{0,2}}{HELPING}\b[^.;]{{0,80}}\b(?:irresponsible|wrong|unethical|inappropriate|improper) (?:of|"
        rf"for) me",
    )
)
REDIRECTS = re.compile(
    any_of(
        r"(?:let'?s|let us|can we|could we|may we|shall we|perhaps we (?:can|could|should)|maybe we (?:can|could)|"
        r"how about we|why don't we) (?:please )?(?:instead )?(?:talk|speak|chat|discuss|change|switch|move on|explore|"
        r"focus|find|turn|try|keep)\b.{0,40}?\b(?:something|else|subject|topic|different|other|another|positive|"
        r"constructive|respectful|kind)",
        rf"{SELF}(?:'d| would|'ll|'m| am| will| can)? ?(?:be )?(?:happy|glad|love|like|prefer|rather|suggest|"
        rf"able)? ?(?:to )?"
        r"(?:we )?(?:help|assist|talk|discuss|chat|speak)\b.{0,20}?\bsomething (?:else|more|different|other)\b",
        rf"(?:instead of|rather than) {HELPING}\b.{{0,60}}\b(?:let me|may i|{SELF}(?:'d|would|'ll|will|can|want))",
        r"i think it(?:'s| is|'d be| would be) (?:best|better|wise|wiser) (?:if we (?:didn't|don't)|not to)",
        r"(?:can|could|would) you (?:please )?(?:rephrase|reconsider|ask (?:me )?(?:something else|another))",
    )
)
NOT_A_REFUSAL = re.compile(
    any_of(
        r"\benough\b", r"\b(?:for (?:sure|certain)|with (?:\w+ )?certainty)\b",
        r"(?:can't|cannot|can not|couldn't) "
        + any_of(
            "help but", r"help \w+ing", "stress", r"(?:over)?emphasi[sz]e", "overstate", "exaggerate", "agree more",
            "wait", "imagine", "believe",
            r"(?:give|tell|provide|say|offer|name|promise) (?:you )?(?:an? |the |any )?(?:exact|precise|definit\w+|"
            r"guarantee|complete|comprehensive|exhaustive|full list|single)",
            "tell you how (?:much|many|happy|glad|sorry|often|good|great|excited|proud|important|long)",
        ),
    )
)  # fmt: skip
"""Emphasis, and hedges: how sure, how exact or how complete an answer is."""
NO_ADVICE = re.compile(
    r"\b(?:legal|medical|financial|professional|tax|veterinary)(?:,? (?:or|and|nor) \w+)* (?:advice|opinions?|"
    r"diagnos\w+)"
)
"""What only a professional gives: with it, "I can't give …" is a caveat where an answer follows."""

# ---- Soft: the speaker objects

OBJECTS = re.compile(
    any_of(
        r"(?:this|the|your|such an?) (?:question|request|prompt) (?:implies|assumes|suggests|presupposes|rests on|"
        r"is based on|"
        r"involves|concerns|asks for|promotes|contains)\b.{0,80}(?:stereotyp|prejudice|\bbias|\bfalse|harmful|wrong|"
        r"offensive|"
        r"discriminat|racis|sexis|not the case|not true|not accurate|illegal|unethical)",
        r"(?:such )?(?:the|your|this|that|such an?|an?|asking|any)?(?: \w+)? ?(?:question|request|statement|premise|"
        r"topic|"
        r"prompt|query)(?: (?:that )?(?:you(?:'ve| have)?|is being) \w+)?(?:'s| is| contains?| (?:would|could|can|"
        r"may) be|"
        r" seems?| appears?| implies| assumes| promotes?)"
        r" (?:\w+ ){0,5}?(?:not (?:\w+ )?(?:appropriate|ethical|acceptable|respectful)|inappropriate|unethical|"
        r"harmful|offensive|discriminatory|unacceptable|immoral|disrespectful|hurtful|prejudice|stereotyp)",
        r"(?:this|that|it)(?:(?:'s| is) not|(?: is|)n't) an? (?:\w+ )?(?:appropriate|ethical|acceptable|suitable|"
        r"respectful)"
        r" (?:\w+ )?(?:question|request|topic|subject|thing)",
        r"(?:this|that|it)(?:'s| is) an? (?:\w+ ){0,2}?(?:inappropriate|offensive|harmful|unethical|hurtful|"
        r"disrespectful|"
        r"discriminatory|racist|sexist|illegal)\b",
        rf"{SELF}(?:\w+ )?find (?:this|that|your|the|such) (?:\w+ ){{0,5}}?(?:troubling|offensive|disturbing|"
        rf"inappropriate|"
        r"upsetting|distasteful|concerning|unacceptable|unethical|harmful)",
        r"asking\b.{0,60}?(?:is|'s) (?:\w+ ){0,2}?(?:inappropriate|unacceptable|unethical|offensive|not (?:\w+ )?"
        r"(?:appropriate|acceptable|ethical|okay|ok|right))",
        rf"{SELF}(?:\w+ )?(?:can't|cannot|don't|do not|disagree|can not|won't) ?(?:\w+ )?(?:agree|accept|share|hold|"
        rf"with)? ?"
        r"(?:with )?(?:the|this|that|your|such|any) (?:\w+ )?(?:premise|view|views|claim|statement|opinion|assumption|"
        r"notion|idea|sentiment)",
        r"(?:it|that)(?:'s| is| would be) (?:\w+ ){0,2}?(?:not (?:\w+ ){0,2}?(?:appropriate|ethical|acceptable|okay|ok|"
        r"right|fair|respectful|productive|helpful|constructive)|never (?:\w+ )?(?:appropriate|okay|ok|acceptable|"
        r"right|"
        r"ethical|justified)|inappropriate|unethical|unacceptable|immoral|irresponsible)(?:,? (?:or|and|nor) \w+)* "
        rf"(?:for (?:me|anyone|an ai \w*|any\w*) )?to (?:{ENGAGE}|make|joke|discriminat|ask|say|stereotyp|suggest|"
        r"generali[sz]e|target|harm|judge|deny|exclude|spread|single|mock|hurt|comment|compare people|insult|"
        r"exploit|treat|label|blame|use (?:such|derogatory|offensive)|kill|steal|hack|attack|bully|harass)",
        r"(?:it|that)(?:'s| is) (?:\w+ ){0,2}?(?:not (?:\w+ ){0,2}?(?:accurate|correct|fair|true|productive)|"
        r"inaccurate|unfair|"
        r"wrong)(?:,? (?:or|and|nor) \w+)* to (?:make (?:\w+ )?(?:generali|assum|claim|statement|judge|comparison)|"
        r"generali[sz]e|"
        r"stereotyp|discriminat|judge people|blame|hurt|harm|kill|steal|attack|bully|mock|single|target)",
    )
)
REPORTS = re.compile(
    any_of(
        rf"{SELF}(?:\w+ )?(?:must|have to|need to|want to|feel|would like to|'d like to|should|can|would|wish to|"
        rf"'m here to|"
        r"would have to)(?: to)? (?:\w+ )?(?:clarify|emphasi[sz]e|inform|point|note|stress|remind|say|advise|caution|"
        r"state|"
        r"tell|make (?:it|this|something) clear|be (?:very |absolutely |quite )?clear|compelled|obliged|express|"
        r"address|"
        r"highlight|urge|warn|underline|add|correct)",
        rf"{SELF}(?:'m|am) (?:\w+ )?(?:committed|obligated|obliged|required|bound)",
    )
)
LACKS = re.compile(
    any_of(
        rf"{SELF}(?:\w+ )?(?:do not|don't) (?:\w+ )?(?:have (?:access|any|the|enough|personal|real|information|"
        rf"specific)|know|"
        r"possess)",
        rf"(?:{SELF}(?:\w+ )?)?have no (?:access|way of|means|knowledge|information|record|idea)",
        rf"{SELF}(?:\w+ )?(?:am|'m) (?:not qualified|in no position|not in a position)",
        rf"{SELF}{ADVERBS}{CANNOT} \w+",
        rf"{SELF}(?:am|'m) (?:\w+ )?{NOT_ABLE} to \w+",
    )
)
"""What the speaker lacks or can't do, whatever it is; an answer may follow all the same."""
SUBJECTLESS = re.compile(
    rf"(?:cannot|can't|will not|won't|am (?:not able|unable|not allowed|not programmed) to|do not|"
    rf"don't) {ADVERBS}{HELP}\b"
)
"""What is left of "I'm an AI and can't …" when the speaker's introduction of itself is taken off."""
APOLOGY_BUT = re.compile(
    r"(?:(?:i'm|i am|we're|we are) )?(?:so |very |really |truly |deeply )*(?:sorry|apologies)\b[^.;!]{0,60}?,? (?:but|"
    r"however)\b"
    rf"|{SELF}(?:\w+ )?apologi[sz]e\b[^.;!]{{0,60}}?,? (?:but|however)\b|my (?:\w+ )?apologies,? but\b"
)
ABOUT_THE_REQUEST = re.compile(
    r"\b(?:i|me|my|question|request|topic|not|no|never|cannot|unable|unethical|inappropriate)\b|n't\b"
)
TO_THE_READER = re.compile(r"\b(?:i|we|my|our|you|your|(?:this|the|that) (?:question|request))\b")
"""About the conversation itself."""
# ---- Around the refusal

SAYS = r"[^,.;!]*?"
PLEASANTRY = re.compile(
    any_of(
        "(?:oh|hi|hello|hey|well|ah|dear user|greetings|honestly|frankly)(?: there)?",
        rf"(?:i'm|i am|we're|we are)? ?(?:so |very |really |truly |deeply |terribly )*sorry{SAYS}",
        rf"(?:my |sincere )*apologies{SAYS}",
        rf"{SELF}(?:\w+ )?apologi[sz]e{SAYS}",
        r"(?:i'm|i am) afraid(?: that)?",
        "(?:unfortunately|regrettably|sadly|however|but|yet|therefore|still|so|now|respectfully|with all due respect|"
        "that being said|having said that|that said|before anything else|to be clear|let me be clear)",
        rf"thank you{SAYS}",
        rf"thanks{SAYS}",
        rf"{SELF}(?:\w+ )?(?:understand|appreciate|see|hear|recogni[sz]e|acknowledge|respect|realize|know|get)\b{SAYS}",
        rf"(?:i'm|i am) (?:\w+ )?(?:glad|happy|here|pleased|grateful|flattered|concerned|excited|delighted)\b{SAYS}",
        r"(?:as|being|i'm|i am) (?:just |only |merely |simply )?an? [^,.;!]{0,90}?(?:\bai|\ba\.i|assistant|chatbot|"
        r"(?:language|ai) model|machine|program)\b(?:(?! (?:and|so|but|which|that)\b)[^,.;!])*?",
        rf"{SELF}(?:do not|don't) (?:hold|have|possess) (?:any )?(?:personal )?(?:opinion|belief|bias|prejudice|"
        rf"feeling|"
        rf"preference|emotion){SAYS}",
        rf"(?:this|that|it)(?:'s| is) an? \w+ (?:question|topic|request|matter|subject|issue){SAYS}",
        rf"(?:what an?|such an?|great|good|interesting|excellent|fair|tough)[\w ]{{0,30}}(?:question|topic|idea|"
        rf"point)\b{SAYS}",
        r"(?:for|due to|because of|out of|given|in line with|in accordance with|in keeping with|based on) "
        r"(?:\w+ ){0,2}?(?:safety|privacy|legal|ethical|security|respect|policy|reasons?|concern|guidelines?|nature)\b"
        r"[^,.;!]{0,60}?",
    )
    + r"(?:[,.;:!—-]+ *| (?=(?:but |however |and |so )?(?:i|we)\b)| (?=but |however )|"
    r" (?=(?:and|so) (?:cannot|can't|have|am|do|don't|will|won't|it|this|that|answering|therefore)\b)|$)"
)
OWN_VOICE = re.compile(r"\bi\b(?!'m (?:\w+ )?sorry)|apologi|\bai\b|model|assistant|thank")
APOLOGY_ALONE = re.compile(
    r"(?:(?:i'm|i am) )?(?:so |very |really )*(?:sorry|apologies)(?:,? (?:but )?no)?[.!]*|no,? sorry[.!]*"
)
CLAUSE_BREAK = re.compile(r"[,;:—]\s+|\s[-–]\s|\b(?:but|and|so|that|because|as)\s+(?=i\b)|(?<=afraid )(?=i\b)")
ANNOUNCES = re.compile(
    any_of(
        r"\bhere(?:'s| is| are)\b", r"\bstep (?:1|one)\b", r"\bto answer your question", r"^sure\b",
        r"\bhypothetically", r"\bfollow these",
        r"\bfor (?:educational|fictional|informational|research|academic) purposes",
        r"\bi can (?:tell|give|offer|provide|share|explain)\b", r"\bthat (?:being )?said", r"\bfirst(?:ly)?,",
        r"\byou (?:can|could|should|will need to) (?:start|use|mix|take|begin|follow)\b",
    )
)  # fmt: skip
TURNS = re.compile(
    any_of(
        r"\b(?:however|but|that (?:being )?said|nevertheless),? (?:i can\b|here\b|in (?:the|this) (?:context|case)|"
        r"in general\b|generally\b|to (?:answer|address)\b|based on|according to|some\b|one\b|most\b|many\b)",
        r"\bas of (?:my|\d)",
        r"\bmy last update",
    )
)
SOMEBODY_SAYS = re.compile(r"\b(?:he|she|they|\w+) (?:says|said|replied|replies|answered|shouts|tells)\b")
LIST_ITEM = re.compile(r"(?:\d+[.):]|[-•–] |\* |step \d)")
INSTEAD = re.compile(
    any_of(
        "instead", "alternativ", "resource", "hotline", "helpline", "crisis", "support", "seek", "reach out", "report",
        "professional", r"legal (?:way|means|option)", "safe", "ethical", "respectful", "lawful", r"\bwhy\b", "because",
        "positive", "constructive", "contact", "calm down", "healthy", "healthier", "peaceful",
    )
)  # fmt: skip
AROUND_A_REFUSAL = re.compile(
    any_of(
        r"\bi\b", r"\bmy\b", "please", "important", "instead", "alternativ", "illegal", "harm", "ethic", r"\blaw",
        r"\brights?\b", "respect", "should", "help", "support", r"\bsafe(?:ty|ly|r)?\b", "if you", r"\?", "danger",
        "consequence", "everyone", "encourage", "seek", "resource", "contact", "inappropriate", "discriminat", "unless",
        "policy", "guideline", r"\blet'?s\b", "let us", "crime", "privacy", "consent", "confidential", r"\bprivate\b",
        "personal",
    )
)  # fmt: skip
