"""The report in Turkish. Names, keys and places in format strings are those of the English text.

Names that come from data take no suffix: a sentence carries it on a word of its own beside the name.
"""

# ruff: noqa: RUF001, RUF002 - letters of the Turkish alphabet, en dashes and multiplication signs are meant
# ruff: noqa: ISC004 - a term and its definition, which takes some lines

from __future__ import annotations

from collections.abc import Sequence

from bench.analyse.results import (
    QUANTILES,
    VERDICT_BLOCKS,
    CellResult,
    Failure,
    MemoryRanking,
    MemoryRival,
    Ranking,
    Rival,
)
from bench.report.format import capital, factor, interval, number, with_interval
from bench.report.text.en import (  # noqa: F401 - the same in every language
    BADGE_MARKS,
    PHI3_COMMAND,
    PHI3_PARAMETERS,
    TITLE,
    VERDICT_COMMAND,
    VERDICT_OPTION,
)

RATIO_NAME = "ilk belirtece kadar geçen sürenin en düşüğe oranı"
ITL_NAMES = {
    "p50": "belirteçler arası gecikmenin medyanı",
    "p95": "belirteçler arası gecikmenin 95. yüzdeliği",
    "p99": "belirteçler arası gecikmenin 99. yüzdeliği",
}
METRIC_WORDS = {
    "ttft_ms": ("ilk belirtece kadar geçen süre", "tepki hızı", ""),
    "tpot_ms": ("belirteç başına süre", "akış hızı", ""),
    "response_ms": ("yanıtın tamamı için geçen süre", "", "tüm yanıt"),
    "itl_p95_ms": (ITL_NAMES["p95"], "", ""),
    "prefill_tokens_per_s": ("ön dolum hızı", "", "ön dolum"),
    "decode_tokens_per_s": ("üretim hızı", "", "üretim"),
    "setup_ms": ("isteğin hazırlanması, TTFT içinde", "", "hazırlık"),
}
UNITS = {"tokens/s": "belirteç/s"}

HIT = "önek önbelleği isabeti"
SHAPE = "{prompt} istem belirteci, {new} yeni"
KIND = "{new} yeni belirteç"
BATCH = "parti boyutu {size}"
AT_PROMPT = "{name}, istem {prompt}"
CELL = "{name}, istem {prompt}, {new} yeni"
PROMPTS = "istem {lengths}"
EVERY_CELL = "bütün hücreler"
ASKED_AGAIN = "yeniden soruldu"
ASKED_FOR = "istenen: {device}"
COMPUTED = "hesap: {type}"
DEFAULT_OPTIONS = "varsayılan seçenekler"
SIMULATED_MARK = " (benzetim)"
FALLBACK_MARK = " (yerine çalışan: {device})"
MORE = "{count} tane daha"
NO_INTERVAL = "aralık yok"

ON_MACHINE = "{machine} üzerinde"
MODEL_ON_MACHINE = "{model}, {machine} üzerinde"
UNKNOWN_MODEL = "bilinmeyen model"
UNKNOWN_MACHINE = "bilinmeyen makine"
SECTIONS_LABEL = "Bölümler"

SUBTITLE = "Bu makinede hangi çıkarım yığını en hızlı yanıt veriyor"
NAV = (
    ("answer", "Yanıt"),
    ("charts", "Grafikler"),
    ("results", "Bütün sonuçlar"),
    ("notes", "Bulgular"),
    ("arrival", "Her belirtece kadar"),
    ("along", "Belirteç belirteç"),
    ("spread", "Dağılım"),
    ("costs", "Yükleme ve bellek"),
    ("tradeoff", "Gecikme ve bellek"),
    ("roofline", "Bellek bant genişliği"),
    ("energy", "Enerji"),
    ("cells", "Hücre hücre"),
    ("failures", "Ölçülemeyenler"),
    ("meaning", "Ne anlama geliyor"),
    ("setup", "Makine ve tekrar"),
    ("glossary", "Tanımlar"),
)

BANNER_SIMULATED = (
    "Benzetim. Bu gecikmeler, aracı denemek için bir çizelgeden oynatıldı. "
    "Hiçbir model çalışmadı ve hiçbir aygıt kullanılmadı; sayılar bu makine hakkında bir şey söylemez."
)
BANNER_PARTLY_SIMULATED = (
    "Bazı yapılandırmalar benzetimdir. Gösterildikleri her yerde işaretlidirler ve ölçülenlerle aynı sıralamaya "
    "hiçbir zaman girmezler."
)
BANNER_SYNTHETIC = (
    "Yapay model. Mimarisi ve boyutu gerçek modelinki gibidir, ağırlıkları ise rastgeledir: "
    "gecikmesi bu biçimdeki gerçek bir modelin gecikmesidir, metni gürültüdür."
)
BANNER_ENDED = {
    None: "Bu koşunun sonu yok: ya hâlâ sürüyor ya da zorla sonlandırıldı. O ana kadar ölçülenler gösteriliyor.",
    "interrupted": "Bu koşu yarıda kesildi. O ana kadar ölçülenler gösteriliyor.",
    "stopped": "Bu koşu bitmeden durduruldu. O ana kadar ölçülenler gösteriliyor.",
    "crashed": "Bu koşu sırasında ölçüm programı çöktü. O ana kadar ölçülenler gösteriliyor.",
}
BANNER_UNREACHED = "Planlanan {count} hücreye sıra gelmedi."

ADAPTIVE = (
    "İlk belirtece kadar geçen sürenin ve belirteç başına sürenin %95 güven aralığının yarısı en çok {target} olana "
    "kadar blok eklendi: toplam {blocks}."
)
ADAPTIVE_ENDED = {
    "target": "Hiçbir hücre için yeni blok gerekmedi.",
    "max-time": "Verilen süre (--max-time) dolunca bitti.",
    "max-blocks": "Verilen blok sayısına (--max-blocks) ulaşınca bitti.",
    None: "Koşu, bu iş tamamlanmadan bitti.",
}
ADAPTIVE_ALL = "Bütün hücreler hedefe ulaştı."
ADAPTIVE_SOME = "{cells} hücreden {reached} tanesi hedefe ulaştı; ulaşamayanlar:"
ADAPTIVE_CELL = "{name}, {shape}"
ADAPTIVE_WITHOUT = "hiç sayısı olmayan {cells}"

ANSWER_TITLE = "Yanıt"
NOTHING_MEASURED = "Hiçbir hücre ölçülemedi. Nedenleri “Ölçülemeyenler” başlığı altında."
NO_VERDICT = (
    "{blocks} üzerinden bir ilk bakış: burada yalnızca ölçülen en düşük değer söylenir. Hüküm için en az "
    + str(VERDICT_BLOCKS)
    + " blok ölçün:"
)
WITH_VERDICT = (
    "“En hızlısı” şu demektir: ötekilerin her biri, en az {blocks} üzerinden blok blok karşılaştırıldığında ve "
    "sıralamanın bütün çiftleri için Holm düzeltmesinden sonra, daha uzun sürer. En düşükten ayırt edilemeyenler "
    "varsa adları yanında verilir ve hiçbirine en hızlısı denmez."
)
TOLD_APART = (
    "Ötekiler en düşükle, ikisinde de bulunan bloklar üzerinden karşılaştırılır. “Daha uzun sürenler” ve “daha çok "
    "isteyenler”, sıralamanın bütün çiftleri için Holm düzeltmesinden sonra anlamlı olanlardır: eşit yapılandırmaların "
    "sıralamalarından en çok yirmide biri böyle bir ad verir. Her güven aralığı düzeltilmemiş tek bir oranındır; bu "
    "yüzden ikisi ayırt edilemediğinde de 1’i dışarıda bırakabilir."
)

RANKS_NOTE = "Her nokta en düşüğe oranı, %95 güven aralığıyla birlikte, logaritmik eksende gösterir; dik çizgi 1×’tir."
RANKS_LOWER = "İkisinde de bulunan bloklarda daha düşük"
RANKS_TIED = "Ondan ayırt edilemeyenler"
RANKS_LONGER = "Daha uzun sürenler"
RANKS_MORE = "Daha çok isteyenler"
RANKS_LEFT_OUT = "Öteki {count} yapılandırma bütün sonuçlar arasındadır."
RANKS_UNTOLD = "Tek blok güven aralığı vermez; bu yüzden hiçbiri ondan ayırt edilemez."

MEMORY_ANSWER = "Bellek: işçi sürecin en yüksek belleği"
MEMORY_ANSWER_NOTE = (
    "Bellek, yapılandırma başına tek değerdir: sürecinin başından sonuna kadar tuttuğu en çok yer; aygıtın kendine "
    "ayırdığı buna dahil değildir. Her bloğun en büyüğü alınır, değer bunların geometrik ortalamasıdır. Aşağıdaki "
    "tablolar süreçlerin medyanını verir."
)
MEMORY_BESIDE = ("belleği", "En çoğu")
LATENCY_BESIDE = ("süresi", "En uzunu")

CHARTS_TITLE = "İstem uzunluğuna göre gecikme"
RATIO_TITLE = "İlk belirtece kadar geçen süre, o uzunluktaki en düşüğün katı"
POINT_TIP = "{at}: {metric} {value} ms ({interval}), n = {n}"
LINES_LABEL = "istem uzunluğuna göre {metric}, her yapılandırmaya bir çizgi, tablodaki gibi"
CHART_NOTE = (
    "Düşük olan daha iyidir. Çubuklar %95 güven aralıklarıdır{missing}. Aynı istem uzunluğundaki noktalar, arkalarında "
    "kalanı gösterdiği yerde biraz yana kaydırılmıştır. Değerleri görmek için bir noktanın üzerine gelin ya da Tab ve "
    "ok tuşlarıyla ona gidin. Logaritmik denmeyen grafiklerde milisaniyeler sıfırdan başlar; oran 1’in çevresinde "
    "gösterilir."
)
CHART_NOTE_MISSING = " (burada yok: tek blok aralık vermez)"
LOGARITHMIC = "(logaritmik)"
PROMPT_AXIS = "istem belirteci"
LEGEND_NOTE = (
    "Renk yığını, işaret ve çizgi biçimi ağırlık biçimini gösterir; dolu işaret CPU, boş işaret GPU, yarı dolu işaret "
    "NPU’dur."
)

FACT_MEASURED = "{cells} ölçüldü"
FACT_PARAMETERS = "{count} parametre"
FACT_PROFILE = "{profile} profili: {blocks} × {repeats}"
FACT_BLOCKS = "{least} ile {most} arası blok"
FACT_THREADS_LEFT = "iş parçacığı sayısı yığına bırakıldı"
FACT_RUN = "koşu {run}"

HEADS = {
    "configuration": ("yapılandırma", ""),
    "device": ("aygıt", ""),
    "request": ("istek", ""),
    "prompt": ("istem belirteci", ""),
    "new": ("yeni belirteç", ""),
    "batch": ("parti boyutu", ""),
    "itl": ("ITL", "ms"),
    "itl_count": ("ITL sayısı", ""),
    "peak": ("tepe bellek", "MB"),
    "n": ("n", ""),
    "guard": ("gözcünün gördükleri", ""),
    "ttft_first": ("TTFT, ilk soruş", "ms"),
    "ttft_again": ("TTFT, önbellek isabeti", "ms"),
    "hit_share": ("isabet ÷ ilk", ""),
    "last_token": ("son belirteç", ""),
    "after": ("geçen süre", "ms"),
    "weights": ("ağırlıklar", "MB"),
    "kv_cache": ("KV önbelleği", "MB/adım"),
    "limit": ("sınır", "adım/s"),
    "measured": ("ölçülen", "adım/s"),
    "of_limit": ("sınıra oranı", "%"),
    "of_shape": ("kendi biçiminde", ""),
    "bits": ("ağırlık başına bit", ""),
    "computes_in": ("hesap türü", ""),
    "kv_type": ("KV önbelleği", ""),
    "attention": ("dikkat", ""),
    "compile_cache": ("derleme önbelleği", ""),
    "first_request": ("ilk istek", ""),
    "median_peak": ("tepe, MB", ""),
    "largest_peak": ("en büyük tepe, MB", ""),
    "private": ("özel, MB", ""),
    "device_memory": ("aygıtta, MB", ""),
    "on_disk": ("diskte, MB", ""),
    "processes": ("süreç", ""),
}
NTH_HEAD = "{n}. belirteç"
LOW = "en az"
BITS_PER_WEIGHT = "{bits} bit/ağırlık"
COMPUTES_IN = "hesap: {type}"
PADDED_TO = "{tokens} belirtece tamamlandı"
NOTE_MARK = "not {number}"
RAN_ON = "çalışan: {device}"
BUSY = "meşguliyet {share}"
BUSY_HELP = (
    "Aygıtın, kendi sayacına göre, ölçülen sürenin ne kadarında meşgul olduğu; CPU’da sürecin CPU süresi. Birkaç iş "
    "parçacığı ya da GPU motoru birlikte %100’ü aşar."
)
NOT_COUNTED = "{count} sayılmadı"
BLOCKS_LOST = "{count} kayıp"

VIEW_TITLE = "Neyin gösterileceğini seçin"
VIEW_AXES = {
    "backend": "Yığın",
    "device": "Aygıt",
    "precision": "Ağırlıklar",
    "prompt": "İstem belirteci",
    "ask": "İstek",
}
VIEW_ASKS = {"first": "ilk soruş", "again": "önek önbelleği isabeti"}
VIEW_WEIGHT = "Sizin için önemli olan"
VIEW_EVERYTHING = "hepsi"
VIEW_MEMORY = "bellek"
VIEW_SCALE = "Grafiklerde milisaniyeler"
VIEW_SCALES = {"suited": "grafiğe uygun olduğu gibi", "zero": "sıfırdan", "log": "logaritmik"}
VIEW_SCALE_NOTE = "Bu koşunun grafikleri çoktur; bu yüzden yalnızca ilk ikisi her iki biçimde de çizilebilir."
VIEW_QUANTILE = "Belirteçler arası gecikme"
VIEW_ALL = "Hepsini göster"
VIEW_SHOWN = "{all} sonuçtan {shown} tanesi gösteriliyor"
VIEW_NOTE = (
    "İstem uzunluğuna göre çizilen grafikler bütün uzunlukları, yanıt da bütün yapılandırmaları kapsamayı sürdürür; "
    "“Sizin için önemli olan”, yanıtın ölçütleri arasından seçer. Sütun başlıkları tabloyu sıralar. Sayfanın adresi "
    "bu görünümü saklar."
)

RESULTS_TITLE = "Bütün sonuçlar"
RESULTS_NOTE = (
    "Yanıtın tamamı için geçen süreye göre sıralıdır. Her değerin altında %95 güven aralığı vardır. “en az”, o "
    "istem uzunluğunda aynı türden satırlar arasında, ortak blokları üzerinden, bir sütunun en düşüğünü işaretler. n, "
    "bloklar boyunca süresi ölçülen üretimlerin sayısıdır; ısınmalar sayılmaz. Kayıp blokta hücre başarısız olmuş ya "
    "da ona sıra gelmemiştir. Bir ad, hücresi hakkında bilinen her şeye götürür ve yığınının süresi ölçülen bölgede "
    "ne yaptığını söyler."
)
TIMED_TITLE = "Süresi ölçülen bölgede:\n{facts}"
TIMED_HEADS = {
    "setup": "isteğin hazırlanması",
    "prompt_logits": "istemin logitleri",
    "loop": "adımdan adıma",
    "kv_cache": "varsayılan KV önbelleği",
}
TIMED_VALUES = {
    "setup": {
        "scheduler": "istek sıraya alınır, KV önbelleğinin blokları gerektikçe ayrılır",
        "generator": "bütün yanıtın KV önbelleğiyle birlikte bir üreteç oluşturulur",
        "generate": "ayarlar kopyalanıp denetlenir, modelin durumu sıfırlanır",
        "clear": "KV önbelleği boş olarak işaretlenir",
        "new cache": "her adımda büyüyen boş bir KV önbelleği oluşturulur",
    },
    "prompt_logits": {
        "last": "son konum",
        "all": "her konum",
        "artifact": "dışa aktarıldığı gibi; modeli bu proje hazırladıysa son konum",
    },
    "loop": {
        "native": "yığının derlenmiş döngüsü",
        "generate": "yığının kendi generate işlevi, Python’da",
        "steps": "yığının adımları üzerinde, kullanıcılarının yazdığı gibi bir Python döngüsü",
        "bare": "yığının kendi generate işlevi yerine, adımları üzerinde bir Python döngüsü",
    },
    "kv_cache": {
        "f16": "f16",
        "model": "dışa aktarıldığı gibi; CPU’da f32",
        "weights": "ağırlıkların yüklendiği tür",
    },
}
HITS_TITLE = "İlk soruş ve önek önbelleği isabeti"
HITS_NOTE = (
    "İsabet, yığının önek önbelleği açıkken aynı sürece az önce sorulmuş bir istemin ilk belirtecine kadar geçen "
    "süredir. İlk soruş değildir ve yalnızca başka isabetlerle sıralanır. Her iki süre, ikisinin de bulunduğu "
    "blokları kapsar."
)
ALONG_TITLE = "Belirteç belirteç"
ALONG_NOTE = (
    "Yanıt boyunca her belirtecin gecikmesi: üretimlerin medyanı ve 10. yüzdelikten 90. yüzdeliğe uzanan bant. Bütün "
    "panellerin eksenleri aynıdır; bir bandın eksenleri aşan tepeleri kesilmiştir. İlk belirteç gösterilmez: o, ilk "
    "belirtece kadar geçen süredir."
)
ALONG_AXIS = "yanıtın kaçıncı belirteci"
ALONG_PROMPTS = {"weak": "en kısa istem", "middle": "arada kalanlar", "strong": "en uzun istem"}
ALONG_TIP = "istem {prompt}: {n} üretimin medyanı"
ALONG_LABEL = "yanıt boyunca her belirtecin gecikmesi, medyan ve 10. ile 90. yüzdelik arasındaki bant"
SPREAD_TITLE = "Dağılım"
SPREAD_NOTE = (
    "Belirteçler arası gecikmelerin nasıl dağıldığı, bir hücrenin bütün üretimleri bir arada. Çizgi medyandır, üçgen "
    "örneklemin yettiği yerde 95. yüzdeliktir. Bütün panellerde aynı eksen, logaritmik."
)
SPREAD_AXIS = "belirteçler arası gecikme, ms"
SPREAD_LABEL = "belirteçler arası gecikmenin dağılımı, her istem uzunluğuna bir sırt"
SPREAD_TABLE = "Belirteçler arası gecikmenin yüzdelikleri, tablo olarak"
LATENCY_AXIS = "belirteç başına ms"
TOO_MANY_PANELS = "{count} yapılandırmanın ilk {shown} tanesi gösteriliyor; ötekiler verinin içinde."

COSTS_TITLE = "Yükleme ve bellek"
LOAD_TITLE = "Sıfırdan hazır olana kadar, saniye"
LOAD_NOTE = (
    "Her biri yeni açılmış işçi süreçlerin medyanları. Derleme yapan yüklemeler ile derleme önbelleğinden gelenler "
    "ayrıdır. İlk üretim, kullanıcının bir başlatmadan sonra beklediği sürenin parçasıdır; çizgi, ilk üretim aynı "
    "süreçteki aynı istek kadar sürseydi nerede biteceğini gösterir."
)
LOAD_FIRST = "İlk üretim: {request}."
LOAD_OTHERS = (
    "Başka bir isteğin adını taşıyan çubuk o istekle başlamıştır: ilk üretimi ve toplamı öteki çubuklarınkilerle "
    "karşılaştırılamaz."
)
FIRST_OF_SOME = "{request} ({processes} süreçten {count} tanesi)"
CACHE_STATES = {"cold": "derleme önbelleği soğuk", "hit": "derleme önbelleğinden"}
STEADY = "aynı istek, daha sonra"
LOAD_PARTS = (
    ("process_start_s", "süreç başlangıcı"),
    ("import_s", "içe aktarma"),
    ("load_s", "okuma ve derleme"),
    ("first_generation_s", "ilk üretim"),
)
MEMORY_TITLE = "Bellek, MB"
PEAK = "sürecin en yüksek belleği"
ON_DISK = "diskteki model"
PEAK_LABEL = "en çok {peak} MB"
ON_DISK_LABEL = "diskteki model {size} MB"
LOADS_TABLE = "Yüklemeler, tablo olarak"
MEMORY_NOTE = (
    "Sistemin saydığı biçimde işçi sürecin en yüksek belleği: çubuk, süreçlerin medyanıdır. Onu kesen çizgi modelin "
    "diskteki boyutudur."
)

TOO_MANY_SHAPES = "En küçükten en büyüğe {count} istek biçiminden {shown} tanesi çizildi; tabloda hepsi var."

ARRIVAL_TITLE = "Her belirtece kadar geçen süre"
ARRIVAL_NOTE = (
    "Yanıtı okuyanın beklediği süre: istekten k’inci belirtece kadar geçen süre, yani ilk belirtece kadar geçen süre "
    "ile k’ye kadarki bütün belirteçler arası gecikmelerin toplamı. Üretimlerin medyanı. Daha alttan başlayan çizgi "
    "daha erken yanıt verir, daha yatık olan daha hızlı yazar; iki çizginin kesiştiği yerde geç başlayan ötekine "
    "yetişmiştir. İşaret son belirteçtedir."
)
ARRIVAL_AXIS = "istekten bu yana ms"
ARRIVAL_AXIS_LOG = "istekten bu yana ms (logaritmik)"
ARRIVAL_LABEL = "istekten her belirtece kadar geçen süre, her yapılandırmaya bir çizgi, tablodaki gibi"
ARRIVAL_TIP = "{name}: ilk belirteç {first} ms sonra, {n}. belirteç {last} ms sonra"
ARRIVAL_TABLE = "Her belirtece kadar geçen süre, tablo olarak"

TRADEOFF_TITLE = "Gecikme ve bellek"
TRADEOFF_NOTE = (
    "Sol alt köşeye yakın olan daha iyidir. Halka, aynı biçimdeki başka hiçbir yapılandırmanın iki ölçüde birden "
    "geçemediği ya da yakalayamadığı yapılandırmayı işaretler; kesik çizginin üstünde ya da sağında kalan, bunlardan "
    "biri tarafından geçilmiştir. Yalnızca hepsinde bulunan bloklardaki kestirimlere göre: bir güven aralığı ikisini "
    "eşit kılabilir. Bellek, işçi sürecin en yüksek belleğidir; aygıtın kendine ayırdığı buna dahil değildir."
)
TRADEOFF_X_AXIS = "en yüksek bellek, MB"
TRADEOFF_Y_AXIS = "belirteç başına ms"
TRADEOFF_Y_AXIS_LOG = "belirteç başına ms (logaritmik)"
TRADEOFF_LABEL = "en yüksek belleğe göre belirteç başına süre, her yapılandırmaya bir nokta, tablodaki gibi"
TRADEOFF_TIP = "{name}: belirteç başına {tpot} ms, {peak} MB{best}"
TRADEOFF_TIP_BEST = "; her ikisinden de azıyla yetinen başkası yok"
TRADEOFF_TABLE = "Gecikme ve bellek, tablo olarak"
TRADEOFF_BEST = "en iyi"

ROOFLINE_TITLE = "Üretim hızı ve bellek bant genişliği"
ROOFLINE_NOTE = (
    "Her üretim adımı ağırlıkları ve KV önbelleğini bellekten okur; bu yüzden bellek saniyede en çok bant "
    "genişliği ÷ bu bayt sayısı kadar adıma izin verir: düz çizgi. Kesik çizgiler bunun yarısı ve dörtte biridir. Bant "
    "genişliği {rate} GB/s’dir; bu makinenin CPU’su koşudan önce, koşunun iş parçacıklarıyla bu hızda okudu. Bir adım "
    "her dizi için bir belirteç verir."
)
ROOFLINE_CAVEATS = (
    "Nasıl okunur: ağırlıklar saklandıkları genişlikte, daha dar hesaplanıyorlarsa o genişlikte sayılır, çünkü bir "
    "yığın onları öyle tutuyor olabilir. Bir belirtecin tek satırını okuduğu gömme tablosu, çıkış katmanıyla "
    "paylaşılmıyorsa sayılmaz. Uzmanlar karışımı (MoE) burada söylenenden az okur. Bir bölümü işlemcinin "
    "önbelleklerinde kalan ağırlıklar %100’ü aşabilir. {cache}"
)
ROOFLINE_KV_ALL = "KV önbelleği, yanıtın ortasındaki durumuyla sayılır."
ROOFLINE_KV_SOME = (
    "KV önbelleği, biçimi ve türü bilindiğinde yanıtın ortasındaki durumuyla sayılır; sütununun boş olduğu yerde "
    "bilinmiyordur, sınır yalnızca ağırlıklarınkidir ve fazla yüksektir."
)
ROOFLINE_NO_BANDWIDTH = (
    "Bu koşu makinenin bellek bant genişliğini ölçmedi, dolayısıyla karşılaştırılacak bir değer yok."
)
ROOFLINE_LEFT_OUT = "Noktası olmayanlar: {reasons}."
ROOFLINE_REASONS = {
    "not on the CPU": "CPU dışında bir aygıtta çalışan, belleğe yolu ölçülmemiş {cells}",
    "no weights": "ağırlıklarının boyutu bilinmeyen {cells}",
    "one token": "yanıtı tek belirteç olan, üretim adımı bulunmayan {cells}",
}
ROOFLINE_X_AXIS = "adım başına okunan MB"
ROOFLINE_Y_AXIS = "saniyede üretim adımı"
ROOFLINE_LABEL = "adım başına okunan bayta göre saniyedeki üretim adımı, belleğin sınırı altında, tablodaki gibi"
ROOFLINE_TIP = "{name}, istem {prompt}: saniyede en çok {limit} adımdan {rate} adım, {share}, adım başına {size} MB"
ROOFLINE_TABLE = "Üretim hızı ve bellek bant genişliği, tablo olarak"

CHANGED_HINT = "Aygıtın değiştirdiği:"

ENERGY_TITLE = "Enerji ve meşgul süre"
ENERGY_NOTE = (
    "Süresi ölçülen her üretimin hemen öncesinde ve hemen sonrasında okunan sayaçlar; gösterilen, güven aralığı "
    "olmadan, üretimlerin medyanıdır. Makinede böyle bir sayaç yoksa burada bir şey yazmaz. Benzetim yapılandırmaları "
    "dışarıda bırakılır: enerji harcayabilecek bir şey çalışmadı."
)
ENERGY_PREFILL = (
    "Enerji bütün yanıtındır, ön dolum ve üretim bir arada: süresi ölçülen bölgenin içinde sayaç okunmaz. Bu yüzden "
    "yeni belirteç başına enerji istemle birlikte artar ve yalnızca aynı istekte karşılaştırılabilir."
)
ENERGY_COVERS = "Enerji şu sayacındır: {source}. Dolayısıyla öteki programlar ve sistemin kendi işi de içindedir."
ENERGY_CHARTS = {
    "energy_j_per_token": "Yeni belirteç başına enerji (ön dolum dahil), mJ",
    "npu_busy_ms": "Üretim başına NPU meşgul süresi, ms",
    "gpu_busy_ms": "Üretim başına GPU meşgul süresi, ms",
}
ENERGY_ENGINES = "GPU’nun birimleri toplanır; bu yüzden üretimin kendisinden daha uzun süre meşgul olabilirler."
ENERGY_TABLE = "Enerji ve meşgul süre, tablo olarak"
ENERGY_HEADS = (
    ("energy_j", "yanıt başına enerji", "J"),
    ("energy_j_per_token", "yeni belirteç başına enerji, ön dolum dahil", "mJ"),
    ("npu_busy_ms", "NPU meşgul", "ms"),
    ("gpu_busy_ms", "GPU meşgul", "ms"),
    ("cpu_time_ms", "CPU süresi", "ms"),
    ("cpu_frequency_mhz", "CPU saat hızı", "MHz"),
)
ENERGY_TOO_MANY = "{count} hücrenin ilk {shown} tanesi çizildi; tabloda hepsi var."

CELLS_TITLE = "Hücre hücre"
CELLS_NOTE = (
    "Bir hücrenin bütün üretimleri, blokları içinde yan yana ve ölçüm sırasıyla: sürüklenen, sıçrayan ya da bir kez "
    "duraklatılan hücre burada görülür. Düşey eksenler ms cinsindendir, her biri kendine göredir ve sıfırdan "
    "başlamaz. Bant, eksenin içinde kaldığı kadarıyla kestirimin %95 güven aralığıdır."
)
CELLS_LEGEND = {
    "dots": "sayılan üretim",
    "medians": "bir bloğun medyanı",
    "level": "hücrenin kestirimi",
    "warmups": "ısınma",
    "excluded": "sayılmayan",
    "above": "ısınma ya da sayılmayan, eksenin dışında",
}
CELLS_PRINT = "Kâğıtta, açık olan hücreler yer alır."
CELL_PLOT = "bloklara göre {metric}, {unit}"
CELL_PLOT_LOG = "{title} (logaritmik)"
CELL_PLOT_LABEL = "bloklara göre, aşağıdaki tablodaki gibi"
CELL_TABLE = "Aynısı sayılarla, ms"
CELL_BLOCK = "blok"
CELL_COLUMNS = ("her biri", "medyan", "ısınmalar")
CELL_OF_MANY = "{ends} ({count} değerden)"
CELL_LEFT_OUT = "Sayılmayanlar"
CELL_EXCLUDED = "Blok {block}, üretim {ordinal} ({times}): {reason}."
CELL_NO_TIMES = "süresi yok"
CELL_NOT_WHOLE = "kaydında bir süre ya da bir adım eksik"
CELL_MORE_EXCLUDED = "Ve {count} üretim daha."
CELL_FAILED = "{blocks}: {status}, {message}"
CELL_WARNINGS = "Gözcünün gördükleri"
CELL_DEVICE = "Aygıt"
CELL_FACTS = {
    "weights": "Ağırlıklar",
    "inference_precision": "Hesap türü",
    "kv_cache_precision": "KV önbelleği",
    "attention_backend": "Dikkat (attention)",
    "timed": "Süresi ölçülen bölgede",
    "padded_prompt_tokens": "İstemin tamamlandığı uzunluk",
    "node_placement": "Düğümlerin çalıştığı yer",
    "options": "Yükleme seçenekleri",
    "changed_hints": "Aygıtın değiştirdikleri",
    "compile_cache": "Derleme önbelleği",
    "threads": "İş parçacığı",
    "environment": "Ortam değişkenleri",
    "backend_version": "Yığının sürümü",
}
CELL_BITS = "ağırlık başına {bits} bit"
CELL_CACHE = {"none": "yok", "cold": "soğuk", "hit": "isabet", "unknown": "bildirilmedi"}
CELL_COMMAND = "Bu hücreyi tek başına ölçün"
CELL_COMMAND_BOTH = "Bu hücreyi tek başına, iki çeşidiyle de ölçün"
LEGEND_FOLDED = "Gösterge: {count} yapılandırma"

FAILURES_TITLE = "Ölçülemeyenler"
FAILURES_NONE = "Planlanan bütün hücreler ölçüldü."
EXIT_CODE = "çıkış kodu {code}"
LAST_LINES = "İşçi sürecin son satırları"
UNREACHED = "Planlanan, ama koşu bitmeden sıra gelmeyenler:"
STATUS_WORDS = {
    "failed": "başarısız",
    "timeout": "zaman aşımı",
    "crashed": "çöktü",
    "unsupported": "desteklenmiyor",
    "invalid": "sayılmadı",
}
REMEDIES = {
    "failed": "Yine başarısız olup olmadığını görmek için bu yapılandırmayı tek başına çalıştırın:",
    "timeout": "--load-timeout-s ya da --generation-timeout-s ile daha çok süre verin ya da daha kısa bir istem seçin:",
    "crashed": (
        "İşçi sürecin son satırları, varsa, aşağıda. Neden çoğunlukla bellektir; yapılandırmayı tek başına çalıştırın:"
    ),
    "unsupported": "Bunu dışarıda bırakın ya da nedenin geçerli olmadığı bir yerde çalıştırın.",
    "invalid": "Bu üretimler saklanır ama sayılmaz. Hücreyi yeniden ölçün:",
}
VENV_FAILED = "Sanal ortamı kurulamadı. Kurucunun son satırları:"
VENV_UNSUPPORTED = "Paketleri bu platform ya da yorumlayıcı için yok:"
FINDINGS_TITLE = "Gözcünün gördükleri"
SEVERITY_WORDS = {"serious": "ciddi", "warning": "uyarı", "info": "bilgi"}
FINDINGS_SERIOUS = "Bu yanıtın dayandığı şeylerle ilgili ciddi bulgular var:"
FINDINGS_NOTE = (
    "Bulgular sayıları işaretler, hiçbirini çıkarmaz; yalnızca makinenin uyuduğu bir üretim sayılmaz. Bu notların "
    "numaraları, ilgili oldukları hücrelerin yanındadır."
)

MEANING_TITLE = "Bunun söyledikleri ve söylemedikleri"
MEANING_DOES = (
    "Bu yığınların bu makinede, bu modelle, bu istem uzunlukları ve bu iş parçacığı sayısıyla ne kadar sürdüğünü "
    "söyler; her biri yeni süreçlerde ve rastgele sırayla. Her yığına aynı belirteç kimlikleri verildi ve her biri tam "
    "istenen sayıda belirteç üretti; bu yüzden süreler satır satır karşılaştırılabilir."
)
MEANING_DOES_SIMULATED = (
    "Aracın plandan sayfaya kadar çalıştığını söyler. Hiçbir yığın, model ya da aygıt hakkında bir şey söylemez."
)
MEANING_SMALL = (
    "Phi-3-mini’nin burada nasıl çalışacağını söylemez. {model} modelinin parametre sayısı {parameters}, "
    "Phi-3-mini’ninki 3,8 milyar, yani {times} büyük. Küçük bir model her belirtecin süresinin çoğunu çekirdek "
    "başlatma ve örnekleme gibi yığının sabit giderlerine harcar; büyük bir model neredeyse tamamını ağırlıkları "
    "bellekten okumaya. Yığınların sırası orada başka olabilir, daha dar bir ağırlık biçiminin kazancı da."
)
MEANING_OTHER = (
    "Başka bir modelin burada nasıl çalışacağını söylemez: bir belirtecin süresini neyin belirlediği modelin boyutuyla "
    "değişir, yığınların sırası da onunla değişebilir."
)
MEANING_NPU_NONE = (
    "NPU hakkında bir şey söylemez: hiçbir NPU ölçülmedi. NPU, işi CPU’dan almak ve daha az enerji harcamak içindir; "
    "istemleri derlenmiş uzunluklara tamamlanır. Bunun ne demek olduğunu yalnızca NPU’su olan bir makinedeki koşu "
    "gösterir."
)
MEANING_NPU = (
    "NPU satırlarında istemler derlenmiş bir uzunluğa tamamlanır: ilk belirtece kadar geçen süreleri o tamamlanmış "
    "uzunluğundur."
)
MEANING_PHI3 = "Phi-3-mini’yi burada ölçmek için (yaklaşık 8 GB indirir; dönüştürme bellek ve zaman ister):"
MEANING_QUALITY = (
    "Yanıtların ne kadar iyi olduğunu söylemez. Daha dar bir ağırlık biçimi, modelin daha azını sakladığı için "
    "hızlıdır; ağırlık başına etkin bit sayısı her birinin yanındadır."
)

SETUP_TITLE = "Makine ve yazılım"
MACHINE = {
    "cpu": "CPU",
    "cores": "Çekirdekler",
    "memory": "Bellek",
    "limits": "Koşunun kullanabildiği",
    "environment": "Ortam değişkenleri",
    "memory_read": "Bellek okuma hızı",
    "gpu": "GPU",
    "npu": "NPU",
    "system": "Sistem",
    "kernel": "Sistem çekirdeği",
    "power": "Güç",
    "governor": "Frekans yöneticisi",
    "read": "Sürelerle birlikte okunanlar",
    "unread": "Sayacı olmayanlar",
    "machine_id": "Makine kimliği",
    "model": "Model",
    "digest": "Model özeti (digest)",
    "project": "AIPC Bench",
}
MODEL_NOTE = "Model hakkında"
POWER_SOURCES = {"mains": "şebeke", "battery": "pil"}
CORES = "{physical} fiziksel{split}, {logical} mantıksal"
CORE_KINDS = {"performance_cores": "{count} performans", "efficiency_cores": "{count} verimlilik"}
LIMITS = {"usable CPUs": "CPU {value}", "CPU quota": "{value} CPU’luk süre", "memory limit": "{value} bellek"}
MEMORY_READ = "{rate} GB/s, koşunun iş parçacıklarıyla ölçüldü"
DRIVER = "sürücü {driver}"
NO_DEVICE = "bulunamadı"
OBSERVER_NAMES = {
    "memory": "bellek",
    "cpu_time": "CPU süresi",
    "gpu_busy": "GPU meşguliyeti",
    "npu_busy": "NPU meşguliyeti",
    "device_memory": "aygıt belleği",
    "energy": "enerji",
    "cpu_frequency": "CPU frekansı",
    "cpu_temperature": "CPU sıcaklığı",
    "conditions": "koşullar",
}
OBSERVER_COST = {
    None: "maliyeti ölçülmedi",
    "ms": "okuma başına {cost} ms",
    "us": "okuma başına {cost} µs",
    "less": "okuma başına 1 µs’den az",
}
REPEAT_TITLE = "Bu koşuyu tekrarlayın"
REPEAT_NOTE = (
    "Aynı tohum ({seed}) aynı ziyaret sırasını verir; bir tekrarın ne kadar farklı çıkabileceğini değer değil, güven "
    "aralığı söyler."
)
PACKAGES_TITLE = "Her işçi sanal ortamının paketleri"
GLOSSARY_TITLE = "Tanımlar"
FILES_NOTE = (
    "Bu sayfanın yanında: summary.csv (hücre başına bir satır), summary.json, summary.md, table.html (bir belgeye "
    "yapıştırmak için yalnızca sonuçlar), pytest-benchmark.json ve github-action-benchmark.json."
)
DATA_LINK = "Verileri CSV olarak kaydet"
DATA_NOTE = "Bütün sayılarıyla hücre başına bir satır; veriler bu sayfanın içindedir."

TABLE_CAPTION = "{model}, {cpu} üzerinde, koşu {run}"
TABLE_NOTE = (
    "TTFT: ilk belirtece kadar geçen süre. TPOT: belirteç başına süre. n: ölçülen üretim / blok. Ayraç içinde %95 "
    "güven aralığı: bloklar üzerinden Student t."
)

REPEAT_IT = "Tekrarlamak için"
SAME_FOLDER = "bu dosyayla aynı klasörde"
MORE_LINES = "(ve {count} tane daha)"
MORE_ROWS = "{count} satır daha summary.csv dosyasında."

VERDICT_WORDS = {
    "verified": "doğrulandı",
    "reported": "bildirildi",
    "fallback": "başka aygıt",
    "simulated": "benzetim",
    "unknown": "bilinmiyor",
}
VERDICT_HELP = {
    "verified": "Yığın, çalışan aygıtın adını verdi ve aygıtın kendi sayacı onu ölçülen sürenin en az %5’inde (yığının "
    "işi sessizce CPU’ya verebildiği yerde %50’sinde) meşgul gösterdi ya da, sayaç yoksa, yığının kendi profili işi "
    "orada gösterdi.",
    "reported": "Yığın böyle söyledi; tam o aygıtın bir sayacı doğrulamadı.",
    "fallback": "İstenenden başka bir aygıt çalıştı ve sayılar çalışanın adı altındadır.",
    "simulated": "Gecikmeler oynatıldı. Hiçbir aygıt çalışmadı.",
    "unknown": "Yığın hangi aygıtın çalıştığını söylemiyor ya da işi sessizce başkasına verebiliyor, ya da sürecinin "
    "kaydı eksik.",
}

GLOSSARY = (
    (
        "İlk belirtece kadar geçen süre (TTFT)",
        "Belirteç kimlikleri bellekte hazırken isteğin hemen öncesinden, ilk yeni belirtecin ana belleğe ulaştığı ana "
        "kadar. Her isteğin yinelemek zorunda olduğunu içerir: isteğin hazırlanması, ön dolumun (prefill) tamamı, "
        "ilk örnekleme. Belirteçlere ayırma ve yükleme yoktur.",
    ),
    (
        "Belirteçler arası gecikme (ITL)",
        "Bir yanıtın komşu iki belirteci arasındaki süre. n belirteçte n − 1 tane vardır.",
    ),
    (
        "Belirteç başına süre (TPOT)",
        "İlk belirteçten sonuncuya kadar geçen süre, bölü n − 1: üretim başına bir değer.",
    ),
    (
        "Yanıtın tamamı",
        "TTFT ile bütün belirteçler arası gecikmelerin toplamı: istekten son belirtece kadar.",
    ),
    (
        "Ön dolum hızı (prefill)",
        "Parti boyutu × istem belirteci ÷ TTFT, saniyede belirteç; önek önbelleği isabetinde boştur, çünkü isabet "
        "bunların neredeyse hiçbirini hesaplamaz.",
    ),
    (
        "k’inci belirtece kadar geçen süre",
        "TTFT ile k’ye kadarki belirteçler arası gecikmelerin toplamı: okuyanın onu okuyabildiği an.",
    ),
    (
        "Belleğin sınırı (roofline)",
        "Makinenin ölçülen bellek bant genişliği ÷ bir üretim adımının okuduğu bayt: saklandıkları biçimde ağırlıklar "
        "ve KV önbelleği.",
    ),
    ("Üretim hızı (decode)", "Parti boyutu ÷ TPOT, bütün parti için saniyede belirteç."),
    (
        "Blok, kestirim, güven aralığı",
        "Bir koşu belirli sayıda bloktur. Her blokta her yapılandırma, rastgele sırayla, yeni bir süreç alır. Bir "
        "hücrenin değeri, blok medyanlarının geometrik ortalamasıdır; %95 güven aralığı, bunların logaritmaları "
        "üzerinden Student t aralığıdır ve komşu bloklar birbirine benziyor göründüğünde genişletilir. Komşu bloklar "
        "arasındaki korelasyon 0,5 ise bu aralıkların yaklaşık onda dokuzu gerçek değeri içerir; daha çok "
        "benziyorlarsa daha azı. Bir sürecin belirteçleri birbiriyle ilişkilidir; bu yüzden bağımsız sayılmazlar.",
    ),
    (
        "Ayırt edilemiyor",
        "En düşükle arasındaki fark, ikisinde de bulunan bloklar üzerinden blok blok eşlenerek, sıralamanın bütün "
        "çiftleri için Holm düzeltmesinden sonra anlamlı değil. Az blok ve çok yapılandırmayla büyük bir fark bile "
        "anlamlı çıkmayabilir.",
    ),
    (
        "ITL yüzdeliği",
        "Betimleme olarak, bir hücrenin bütün belirteçler arası gecikmeleri üzerinden. Ötesinde en az beş değer varsa "
        "verilir: p99 için 500, p95 için 100, p90 için 50, p50 için 10 gecikme gerekir. p50 medyandır.",
    ),
    (
        "Hassasiyet, ağırlık başına bit, hesap türü",
        "Hassasiyet, istenen ağırlık biçimidir. “int4” her yığında bir karışımdır: ne kadar saklandığını ağırlık "
        "başına etkin bit sayısı söyler. Yığının çarpmayı hangi türde yaptığı (f32, bf16, …) onun yanındadır.",
    ),
    ("Aygıt: doğrulandı (verified)", VERDICT_HELP["verified"]),
    ("Aygıt: bildirildi (reported)", VERDICT_HELP["reported"]),
    ("Aygıt: başka aygıt (fallback)", VERDICT_HELP["fallback"]),
    ("Aygıt: benzetim (simulated)", VERDICT_HELP["simulated"]),
    ("Aygıt: bilinmiyor (unknown)", VERDICT_HELP["unknown"]),
    (
        "Yükleme",
        "Süreç başlangıcı: yorumlayıcı çalışana kadar. İçe aktarma: yığının kendi modülleri. Okuma ve derleme: modele "
        "soru sorulabilene kadar. İlk üretim: sürecin ilk yanıtı; bir çalıştırmanın her sürecine, yüklemede "
        "varsa, aynı istek sorulur: en küçüğü. Yığının izin verdiği ölçüde her biri ayrı.",
    ),
    (
        "En yüksek (tepe) bellek",
        "İşçi sürecin, sistemin sayacına göre, bütün ömrü boyunca (yükleme ve bütün istem uzunlukları) ana bellekte "
        "tuttuğu en çok yer.",
    ),
    (
        "Önek önbelleği isabeti",
        "Önek önbelleği açık bir yüklemede hemen yeniden sorulan aynı istem: istemi öncekilerden biri gibi başlayan "
        "kullanıcının beklediği süre. Başka her yerde bu önbellek kapalıdır ve bir sürecin hiçbir iki istemi aynı "
        "başlamaz.",
    ),
    (
        "Isınma",
        "Her ziyaretin başındaki, artık hızlanmaz olana kadarki üretimler. Saklanır ama sayılmazlar.",
    ),
)

_NOUNS = {
    "A/B run": "A/B koşusu",
    "block": "blok",
    "cell": "hücre",
    "compared cell": "karşılaştırılan hücre",
    "figure": "sayı",
    "head": "aday",
    "more cell": "hücre daha",
    "more row": "satır daha",
    "package": "paket",
    "process": "süreç",
    "report": "rapor",
    "run": "koşu",
    "shared block": "ortak blok",
    "series": "seri",
    "thread": "iş parçacığı",
    "time": "kat",
    "token": "belirteç",
}


def quantile(cell: CellResult, name: str) -> str:
    """As in English."""
    value: float | None = getattr(cell.itl_ms, name)
    if value is not None or cell.new_tokens == 1:
        return number(value)
    return f"{QUANTILES[name][1]} gerekir"


def quantiles_missing(cell: CellResult) -> str:
    """As in English, e.g. ``p99 için 500 gecikme gerekir``."""
    missing = [name for name in QUANTILES if cell.new_tokens > 1 and getattr(cell.itl_ms, name) is None]
    return ", ".join(f"{name} için {QUANTILES[name][1]} gecikme gerekir" for name in missing)


def quantiles_note(cells: Sequence[CellResult]) -> str:
    """As in English."""
    several = [cell for cell in cells if cell.new_tokens > 1]
    said = []
    for name, (_, needed) in QUANTILES.items():
        short = [cell for cell in several if getattr(cell.itl_ms, name) is None]
        if short:
            fewer = f"{plural(len(several), 'cell')} içinden {len(short)} tanesinde"
            who = fewer if len(short) < len(several) else "bütün hücrelerde"
            said.append(f"Belirteçler arası gecikmenin {name} değeri için {needed} gecikme gerekir; {who} daha az var.")
    return " ".join(said)


def plural(count: int, one: str, many: str | None = None) -> str:  # noqa: ARG001 - no plural stands after a number
    """``3 blok``: the English nouns of the call in Turkish, which has no plural after a number."""
    return f"{number(count, 0)} {_NOUNS[one]}"


def listed(names: Sequence[str]) -> str:
    """``a``, ``a ve b``, ``a, b ve c``."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} ve {names[-1]}"


def answer(ranking: Ranking, winner: str, rivals: Sequence[tuple[Rival, str]], apart: str) -> str:
    """As in English."""
    metric = METRIC_WORDS[ranking.metric][0]
    value = with_interval(ranking.lowest, "ms") + in_part(ranking)
    if ranking.alone:
        only = "için benzetim yapıldı" if ranking.simulated else "ölçüldü"
        head = f"Burada yalnızca {winner} {only}: {metric} {value}."
    elif ranking.claimed:
        among = "benzetimler arasında " if ranking.simulated else ""
        head = f"{winner}, {among}{metric} bakımından en hızlısıdır: {value}."
    else:
        kind = "benzetimde" if ranking.simulated else "ölçülen"
        head = f"{winner}, {metric} bakımından {kind} en düşük değeri verdi: {value}."
    return " ".join(filter(None, (head, beside(ranking, rivals, LATENCY_BESIDE), apart)))


def claim(ranking: Ranking) -> str:
    """As in English."""
    if ranking.alone:
        return "benzetimi yapılan tek yapılandırma" if ranking.simulated else "ölçülen tek yapılandırma"
    if ranking.claimed:
        return "benzetimler arasında en hızlısı" if ranking.simulated else "en hızlısı"
    return "benzetimde en düşük" if ranking.simulated else "ölçülen en düşük"


def memory_claim(ranking: MemoryRanking) -> str:
    """As in English."""
    if ranking.alone:
        return "benzetimi yapılan tek yapılandırma" if ranking.simulated else "ölçülen tek yapılandırma"
    if ranking.claimed:
        return "benzetimler arasında en azı" if ranking.simulated else "en azı"
    return "benzetimde en düşük" if ranking.simulated else "ölçülen en düşük"


def memory_answer(ranking: MemoryRanking, winner: str, rivals: Sequence[tuple[MemoryRival, str]], apart: str) -> str:
    """As in English."""
    value = with_interval(ranking.lowest.times(1e-6), "MB") + in_part(ranking)
    if ranking.alone:
        only = "için benzetim yapıldı" if ranking.simulated else "ölçüldü"
        head = f"Burada yalnızca {winner} {only}: en yüksek bellek {value}."
    elif ranking.claimed:
        among = "benzetimler arasında " if ranking.simulated else ""
        head = f"{winner}, {among}en az bellek isteyendir: {value}."
    else:
        kind = "benzetimde" if ranking.simulated else "ölçülen"
        head = f"{winner}, bellek bakımından {kind} en düşük değeri verdi: {value}."
    return " ".join(filter(None, (head, beside(ranking, rivals, MEMORY_BESIDE), apart)))


def memory_overview(ranking: MemoryRanking, winner: str, requests: str) -> str:
    """As in English."""
    claim = "en az isteyen" if ranking.claimed else "en düşük değer"
    kind = SIMULATED_MARK if ranking.simulated else ""
    ties = " (ötekiler ondan ayırt edilemiyor)" if ranking.open else ""
    at = f" ({requests})" if requests else ""
    return f"Bellek bakımından {claim}{kind}{at}: {winner}{ties}."


def beside(
    ranking: Ranking | MemoryRanking, rivals: Sequence[tuple[Rival | MemoryRival, str]], words: tuple[str, str]
) -> str:
    """As in English."""
    if rivals and all(rival.distinguishable is None for rival, _ in rivals):
        return RANKS_UNTOLD

    def told(rival: Rival | MemoryRival, name: str, more: str = "", after: str = "") -> str:
        over = sides(rival, ranking)
        return f"{name}, {more}{factor(rival.ratio.value)}{after}{f', {over}' if over else ''}"

    tied = [name for rival, name in rivals if not rival.distinguishable]
    rest = [(rival, name) for rival, name in rivals if rival.higher]
    said = [f"{RANKS_LOWER}: {told(rival, name)}." for rival, name in rivals if rival.lower]
    said += [f"Ondan ayırt edilemiyor: {listed(tied)}."] if tied else []
    if rest:
        rival, name = rest[0]
        said.append(f"Sıradaki: {told(rival, name, f'{words[0]} ', f' ({interval(rival.ratio)})')}.")
    if len(rest) > 1:
        said.append(f"{words[1]}: {told(*rest[-1])}.")
    return " ".join(said)


def in_part(ranking: Ranking | MemoryRanking) -> str:
    """As in English, e.g. `` 10 ortak blok üzerinden``."""
    return f" {plural(ranking.lowest.blocks, 'shared block')} üzerinden" if ranking.partial else ""


def sides(rival: Rival | MemoryRival, ranking: Ranking | MemoryRanking) -> str:
    """As in English, e.g. ``10 ortak blokta 105 ms, en düşük 100 ms``."""
    if rival.ratio.blocks >= ranking.lowest.blocks:
        return ""
    scale, unit = (1.0, "ms") if isinstance(rival, Rival) else (1e-6, "MB")
    its, lowest = (f"{number(value * scale)} {unit}" for value in (rival.value, rival.lowest))
    return f"{plural(rival.ratio.blocks, 'shared block')}ta {its}, en düşük {lowest}"


def apart(names: Sequence[str]) -> str:
    """As in English."""
    return f"Yalnızca başka bloklarda ölçüldü, bu yüzden onunla karşılaştırılmadı: {listed(names)}." if names else ""


def overview(metric: str, winners: Sequence[tuple[int, str, bool]], *, claimed: bool, simulated: bool) -> str:
    """As in English, e.g. ``… bakımından en hızlısı, her istem uzunluğunda: ort-genai CPU int4``."""
    kind = SIMULATED_MARK if simulated else ""
    claim = "en hızlısı" if claimed else "en düşük değer"
    head = f"{capital(METRIC_WORDS[metric][0])} bakımından {claim}{kind}"
    groups: dict[str, list[str]] = {}
    for prompt_tokens, name, tied in winners:
        groups.setdefault(name, []).append(f"{number(prompt_tokens, 0)}{'*' if tied else ''}")
    if len(groups) == 1:
        name, lengths = next(iter(groups.items()))
        where = "her istem uzunluğunda" if len(lengths) > 1 else f"{number(winners[0][0], 0)} istem belirtecinde"
        return f"{head}, {where}: {name}{_ties(winners)}."
    parts = [f"{listed(lengths)} istem belirtecinde {name}" for name, lengths in groups.items()]
    star = " (* ötekiler ondan ayırt edilemiyor)" if any(tied for *_, tied in winners) else ""
    return f"{head}: {'; '.join(parts)}{star}."


def _ties(winners: Sequence[tuple[int, str, bool]]) -> str:
    tied = [number(prompt_tokens, 0) for prompt_tokens, _, is_tied in winners if is_tied]
    if not tied:
        return ""
    where = "" if len(tied) == len(winners) else f"{listed(tied)} istem belirtecinde "
    return f" ({where}ötekiler ondan ayırt edilemiyor)"


def failure_where(failure: Failure, blocks: int) -> str:
    """As in English."""
    where = f"{plural(blocks, 'block')} içinden {len(failure.blocks)} tanesinde" if blocks else ""
    return f"{where}; öteki bloklar ölçüldü" if failure.measured_elsewhere else where


def cell_failed(status: str, blocks: Sequence[int], message: str) -> str:
    """As in English."""
    where = f"{'Blok' if len(blocks) == 1 else 'Bloklar'} {listed([number(block + 1, 0) for block in blocks])}"
    return CELL_FAILED.format(blocks=where, status=STATUS_WORDS.get(status, status), message=message)


def parameters(count: int | None) -> str:
    """As in English, e.g. ``135 milyon``."""
    if not count:
        return ""
    return f"{number(count / 1e9, 1)} milyar" if count >= 1e9 else f"{number(count / 1e6, 0)} milyon"
