/* convert_words.c: the word lists of convert.h: which element a tag belongs in.
 *
 * The first row that fits wins: whole words first, then how a tag begins, then how it ends. The classes are
 * those of model-spec.md 10.5, the words common ones of Danbooru and all of the demo world, with their
 * Chinese. */
#include "config.h"

#include <stdbool.h>
#include <string.h>

#include "prompt/convert.h"

const char *const TAG_ELEMENTS[TAG_PLACES] = {
    "n",           "gender",     "appearance", "clothing",   "expression", "action",     "pose",
    "interaction", "position",   "count",      "artists",    "style",      "background", "environment",
    "perspective", "atmosphere", "lighting",   "resolution", "quality",    "objects",    "other"};

typedef enum Match {
    WHOLE, /* the tag is the word */
    BEGIN, /* it is, or begins with the word and an underscore */
    END,   /* it is, or ends with an underscore and the word; a word that is not ASCII needs no underscore */
} Match;

typedef struct Words {
    TagPlace place;
    Match match;
    const char *words; /* with one space between */
} Words;

static const Words WORDS[] = {
    {TAG_IN_NAME, WHOLE,
     "miku rin len luka kaito teto meiko gumi hatsune_miku kagamine_rin kagamine_len megurine_luka "
     "kasane_teto 初音未来 镜音铃 镜音连 巡音流歌 重音teto"},
    {TAG_IN_COUNT, WHOLE,
     "solo multiple_girls multiple_boys multiple_others no_humans 2people 3people group couple 单人 双人 "
     "多人"},
    {TAG_IN_POSE, WHOLE,
     "standing sitting jumping waving leaning_against_wall standing_confident 站立 坐着 跳跃 挥手 靠墙"},
    {TAG_IN_POSITION, WHOLE,
     "left right center middle upper_left upper_right lower_left lower_right center_left center_right "
     "foreground 左边 中间 右边"},
    {TAG_IN_EXPRESSION, WHOLE,
     "smile grin smirk blush frown tears crying laughing angry sad happy surprised scared shy "
     "embarrassed serious confused bored sleepy expressionless open_mouth closed_mouth parted_lips "
     "closed_eyes half-closed_eyes wink one_eye_closed pout tongue_out fang teeth clenched_teeth "
     "drooling nervous determined smug annoyed worried excited :d :3 :o :p ;) xd ^_^ >_< o_o =_= 微笑 笑 "
     "大笑 哭 哭泣 生气 悲伤 害羞 惊讶 张嘴 闭眼 面无表情"},
    {TAG_IN_APPEARANCE, WHOLE,
     "twintails ponytail side_ponytail high_ponytail low_ponytail braid twin_braids bangs blunt_bangs "
     "ahoge bob_cut double_bun sidelocks drill_hair hime_cut heterochromia freckles mole "
     "mole_under_eye scar tattoo muscular tall short petite slim chubby elf demon_girl fox_girl "
     "cat_girl dog_girl angel vampire robot android dark-skinned_female dark-skinned_male pale "
     "animal_ears 双马尾 单马尾 长发 短发 刺猬头 呆毛"},
    {TAG_IN_CLOTHING, WHOLE,
     "glasses headphones barefoot sunglasses hairband hairclip hair_ornament hair_bow hair_ribbon "
     "hair_flower earrings necklace choker jewelry bracelet watch mask eyepatch goggles hood hood_up "
     "backpack bag halo_ornament serafuku school_uniform black_legwear white_legwear 眼镜 帽子 围巾 耳机 蝴蝶结 "
     "校服 和服 裙子"},
    {TAG_IN_ACTION, WHOLE,
     "arms_up arms_behind_back arms_behind_head crossed_arms hand_on_hip hands_on_hips hand_up v "
     "peace_sign salute thumbs_up outstretched_arms outstretched_hand looking_at_viewer looking_back "
     "looking_up looking_down looking_away looking_to_the_side head_tilt leaning_forward kneeling "
     "squatting crouching lying on_back on_side on_stomach running walking flying falling swimming "
     "dancing singing reading writing drawing sleeping eating drinking cooking fighting stretching "
     "spinning skipping playing_guitar playing_piano 跑步 走路 跳舞 唱歌 看书 睡觉"},
    {TAG_IN_INTERACTION, WHOLE,
     "holding_hands hug hugging kiss kissing carrying princess_carry piggyback back-to-back "
     "face-to-face looking_at_another head_on_shoulder hand_on_another's_shoulder "
     "hand_on_another's_head lap_pillow feeding handshake high_five arm_around_shoulder 牵手 拥抱 接吻"},
    {TAG_IN_STYLE, WHOLE,
     "sketch monochrome greyscale lineart watercolor oil_painting pixel_art chibi anime_style "
     "cyberpunk_anime realistic photorealistic comic manga 4koma cel_shading flat_color ink retro "
     "ukiyo-e concept_art traditional_media anime_coloring official_art game_cg 素描 水彩 黑白 赛博朋克"},
    {TAG_IN_RESOLUTION, WHOLE,
     "highres absurdres lowres max_high_resolution high_resolution 4k 8k ultra_hd hd wallpaper 高清"},
    {TAG_IN_QUALITY, WHOLE,
     "masterpiece best_quality high_quality good_quality normal_quality low_quality worst_quality "
     "bad_quality very_aesthetic aesthetic very_awa no_text no_logo no_watermark clean_lineart newest "
     "recent amazing_quality detailed highly_detailed intricate_details 杰作 高质量 低质量"},
    {TAG_IN_PERSPECTIVE, WHOLE,
     "from_above from_below from_behind from_side close-up portrait upper_body lower_body full_body "
     "cowboy_shot dutch_angle fisheye pov wide_shot bust profile straight-on front_view side_view "
     "back_view bird's-eye_view worm's-eye_view depth_of_field bokeh blurry_background "
     "feet_out_of_frame head_out_of_frame 全身 半身 特写"},
    {TAG_IN_LIGHTING, WHOLE,
     "backlighting sunlight moonlight candlelight rim_light soft_light volumetric_lighting light_rays "
     "god_rays lens_flare shadow shade glowing bloom chiaroscuro silhouette dappled_sunlight 逆光 阳光 月光"},
    {TAG_IN_ATMOSPHERE, WHOLE,
     "peaceful calm melancholic melancholy dreamy cozy romantic mysterious nostalgic cheerful gloomy "
     "tense epic dark serene lively surreal horror warm lonely energetic whimsical 宁静 温馨 浪漫 神秘"},
    {TAG_IN_ENVIRONMENT, WHOLE,
     "indoors outdoors day night dusk dawn evening morning rain raining snow snowing fog mist wind "
     "storm cloudy overcast sunny winter spring summer autumn underwater space 室内 室外 白天 夜晚 下雨 下雪 雨 雪 "
     "冬天 夏天"},
    {TAG_IN_BACKGROUND, WHOLE,
     "beach forest classroom night_sky sky blue_sky starry_sky cherry_blossoms neon_lights sunset "
     "sunrise city cityscape street alley park garden meadow field mountain lake river ocean sea "
     "desert castle temple shrine church library cafe kitchen bedroom bathroom room office train "
     "train_interior station bridge rooftop stage school hallway window ruins cave village market "
     "town waterfall island clouds cloud 海滩 沙滩 森林 教室 夜空 樱花 日落 城市 街道 公园 天空 霓虹灯"},
    {TAG_IN_OBJECTS, WHOLE,
     "flower flowers rose sunflower umbrella sword katana gun rifle bow_(weapon) staff book cup mug "
     "tea coffee food cake apple fruit ice_cream cat dog bird butterfly fish balloon guitar violin "
     "piano microphone phone smartphone computer laptop camera chair table bed couch bicycle car "
     "motorcycle moon sun star petals feathers leaf leaves lantern candle bubbles letter box gift 花 伞 "
     "剑 书 猫 狗 月亮 星星"},

    {TAG_IN_ARTISTS, BEGIN, "by drawn_by"},
    {TAG_IN_QUALITY, BEGIN, "score rating masterpiece"},
    {TAG_IN_INTERACTION, BEGIN, "hugging kissing hand_on_another's holding_another's"},
    {TAG_IN_ACTION, BEGIN, "holding looking hand hands arm arms playing reaching pointing leaning lifting"},
    {TAG_IN_CLOTHING, BEGIN, "wearing"},

    {TAG_IN_EXPRESSION, END, "smile expression blush tears 表情 微笑"},
    {TAG_IN_LIGHTING, END, "lighting light shadow shadows 光照 灯光"},
    {TAG_IN_BACKGROUND, END, "background sky blossoms cityscape landscape scenery room 背景 天空"},
    {TAG_IN_STYLE, END, "style anime painting 风格 画风"},
    {TAG_IN_PERSPECTIVE, END, "view shot angle focus 视角"},
    {TAG_IN_ATMOSPHERE, END, "atmosphere mood 氛围 气氛"},
    {TAG_IN_QUALITY, END, "quality 质量"},
    {TAG_IN_CLOTHING, END,
     "dress shirt t-shirt blouse skirt miniskirt uniform kimono yukata hoodie coat jacket cardigan "
     "sweater vest pants shorts jeans trousers leggings thighhighs stockings pantyhose socks "
     "kneehighs shoes boots sneakers sandals heels gloves hat cap beret helmet crown tiara scarf "
     "shawl bow bowtie ribbon necktie tie apron bikini swimsuit leotard bodysuit armor cape cloak "
     "robe gown suit belt collar sleeves headband headphones hairband hairclip ornament earrings "
     "necklace choker glasses mask costume outfit clothes pajamas overalls 裙 裙子 连衣裙 衬衫 制服 校服 水手服 和服 "
     "外套 大衣 卫衣 毛衣 裤子 帽子 围巾 手套 靴子 鞋 袜子 丝带"},
    {TAG_IN_APPEARANCE, END,
     "hair eyes eye eyebrows eyelashes bangs braid braids ponytail twintails bun ears ear tail wings "
     "horns horn fangs skin breasts chest body legs lips beard mustache pupils sclera halo girl boy "
     "头发 发 发型 眼睛 眼 瞳 马尾 耳 猫耳 耳朵 尾巴 翅膀 角 皮肤"},
    {TAG_IN_OBJECTS, END,
     "flower flowers sword gun weapon book umbrella guitar instrument cup bottle food fruit cat dog "
     "bird doll toy 花"},
    {TAG_IN_ACTION, END,
     "running walking jumping sitting standing dancing singing up down pose stance gesture"},
};

/* What stands in the parentheses behind a name: "saber_(weapon)"; any other is a name of a figure. */
static const Words QUALIFIERS[] = {
    {TAG_IN_STYLE, WHOLE, "style medium parody meme"},
    {TAG_IN_CLOTHING, WHOLE, "cosplay clothing hat"},
    {TAG_IN_OBJECTS, WHOLE, "object flower weapon food symbol animal vehicle instrument"},
    {TAG_IN_ACTION, WHOLE, "gesture pose"},
};

/* The tag as the lists spell it: lower case, underscores, no backslashes, no emphasis around it. */
static void put_plain(Buf *out, const char *tag, size_t size) {
    for (size_t i = 0; i < size; i++)
        if (tag[i] != '\\')
            buf_byte(out, tag[i] == ' '                    ? '_'
                          : tag[i] >= 'A' && tag[i] <= 'Z' ? (unsigned char)(tag[i] | 0x20)
                                                           : (unsigned char)tag[i]);
    char *text = out->data;
    size_t open = 0;
    while (text && open < out->size && strchr("([{", text[open]))
        open++;
    if (!open)
        return;
    size_t end = open + strcspn(text + open, ":)]}");
    memmove(text, text + open, end - open);
    buf_truncate(out, end - open);
}

static bool ends_so(const char *tag, size_t size, const char *word, size_t length) {
    if (size <= length || memcmp(tag + size - length, word, length))
        return false;
    return (unsigned char)word[0] > 127 || tag[size - length - 1] == '_';
}

static bool fits(Match match, const char *tag, size_t size, const char *word, size_t length) {
    if (size == length && !memcmp(tag, word, length))
        return true;
    switch (match) {
    case WHOLE: return false;
    case BEGIN: return size > length && !memcmp(tag, word, length) && tag[length] == '_';
    case END: return ends_so(tag, size, word, length);
    }
    return false;
}

static bool in_row(const Words *row, const char *tag, size_t size) {
    for (const char *word = row->words; *word;) {
        size_t length = strcspn(word, " ");
        if (fits(row->match, tag, size, word, length))
            return true;
        word += length + (word[length] == ' ');
    }
    return false;
}

static TagPlace find(const Words *rows, size_t count, const char *tag, size_t size, TagPlace otherwise) {
    for (size_t i = 0; i < count; i++)
        if (in_row(&rows[i], tag, size))
            return rows[i].place;
    return otherwise;
}

/* "1girl", "2boys", "1other", 女孩. */
static bool is_gender(const char *tag, size_t size) {
    static const char *const kinds[] = {"girl", "boy", "other", "girls", "boys", "others"};
    size_t digits = strspn(tag, "0123456789");
    for (size_t i = 0; digits && i < sizeof kinds / sizeof *kinds; i++)
        if (!strcmp(tag + digits, kinds[i]))
            return true;
    return size && (!strcmp(tag, "女孩") || !strcmp(tag, "男孩"));
}

static TagPlace place_of(const char *tag, size_t size) {
    if (is_gender(tag, size))
        return TAG_IN_GENDER;
    if (!strncmp(tag, "artist:", 7))
        return TAG_IN_ARTISTS;
    TagPlace place = find(WORDS, sizeof WORDS / sizeof *WORDS, tag, size, TAG_IN_OTHER);
    const char *open = strchr(tag, '(');
    if (place != TAG_IN_OTHER || !open || open == tag || tag[size - 1] != ')')
        return place;
    size_t length = (size_t)(tag + size - 1 - open - 1);
    return find(QUALIFIERS, sizeof QUALIFIERS / sizeof *QUALIFIERS, open + 1, length, TAG_IN_NAME);
}

TagPlace convert_place(const char *tag, size_t size) {
    Buf plain = {0};
    put_plain(&plain, tag, size);
    TagPlace place = plain.size ? place_of(plain.data, plain.size) : TAG_IN_OTHER;
    buf_done(&plain);
    return place;
}
