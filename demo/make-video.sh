#!/bin/sh
# Makes demo/site/videos/tributary.mp4 and its poster with ffmpeg's own sources and filters: no footage, no licences.
# The results are committed, so that running the demo needs no ffmpeg. About ten minutes on two cores.
#   sh demo/make-video.sh [output-directory] [seconds]
set -eu

out=${1:-$(dirname "$0")/site/videos}
seconds=${2:-84}
fps=24
font=${FONT_DIR:-/usr/share/fonts/truetype/dejavu}

# Pass 1: a stream function per pixel, in 16 bits. x runs downstream from 0 to 1, y across from -0.5 to 0.5.
# Its level lines are the streamlines: spread out upstream, drawn together downstream, meandering with time.
stream="
  st(0, X/W); st(1, Y/H-0.5);
  st(2, 0.09*sin(2*PI*(0.8*ld(0)-T/28)) + 0.05*sin(2*PI*(1.9*ld(0)-T/21+0.3)));
  st(3, 1.02 - 0.62*(0.5-0.5*cos(PI*clip(ld(0)*1.15,0,1))));
  st(4, (ld(1)-ld(2)*(0.35+0.65*ld(0)))/ld(3));
  st(5, ld(4) + 0.050*sin(2*PI*(1.3*ld(0)-T/14+1.6*ld(4)))
              + 0.032*sin(2*PI*(2.9*ld(0)-T/12-2.3*ld(4)+0.2))
              + 0.014*sin(2*PI*(5.3*ld(0)-T/7 +3.7*ld(4))));
  65535*clip(0.5+ld(5)/4, 0, 1)"

# Pass 2, red: height of the ground over the water. Five channels upstream, which run together into one.
ground="
  st(0, X/W); st(1, 4*(g(X,Y)/65535-0.5));
  st(2, 0.5+0.5*cos(PI*clip(ld(0)*1.25-0.12,0,1)));
  st(3, 0.5-0.5*cos(2*PI*2.5*ld(1)));
  st(4, abs(ld(1))/0.62);
  st(5, 0.05*sin(2*PI*(4.1*ld(0)+2.3*Y/H)) + 0.04*sin(2*PI*(2.7*ld(0)-5.2*Y/H)+3*sin(5*ld(0))));
  65535*clip(0.5*(ld(2)*(0.10+1.15*ld(3))+(1-ld(2))*ld(4)*ld(4)+ld(5)), 0, 1)"

# Pass 2, blue: ripples of light that travel along the streamlines.
ripples="
  st(0, X/W); st(1, 4*(g(X,Y)/65535-0.5));
  st(2, cos(2*PI*9*ld(1) + 2.2*sin(2*PI*(1.7*ld(0)-T/6)) + 1.2*sin(2*PI*(3.1*ld(0)-T/4))));
  st(3, 0.5+0.5*sin(2*PI*(3.2*ld(0)-T/3.5+1.5*ld(1))+1.5*sin(2*PI*(1.1*ld(0)+2.1*ld(1)-T/8))));
  65535*clip((0.5+0.5*ld(2))*(0.25+0.75*ld(3)), 0, 1)"

# Height (0 to 1) to colour: deep and shallow water, a pale shore, land with contour lines.
shore=0.36
ramp() { # deep shallow shore land: one channel, 0 to 255
  echo "st(0, val/maxval);
    st(1, (0.5+0.5*cos(2*PI*ld(0)*26)));
    st(2, if(lt(ld(0),$shore), $1+($2-$1)*pow(ld(0)/$shore,1.6), $3+($4-$3)*pow(min((ld(0)-$shore)/0.4,1),0.55)));
    st(3, exp(-pow((ld(0)-$shore)/0.012,2)));
    st(4, if(gt(ld(0),$shore), -16*pow(ld(1),10), 5*pow(ld(1),6)));
    clip((ld(2)*(1-ld(3))+246*ld(3)+ld(4))*257, 0, 65535)"
}
# Only crests shine.
glint="st(0, val/maxval); clip(65535*(0.62*pow(ld(0),3.2)), 0, 65535)"
# Water 1, land 0.
water="st(0, val/maxval); clip(65535*($shore-0.015-ld(0))*14, 0, 65535)"

# 16 cells of one pixel; demo/README.md describes the code, demo/frame-code.ts reads it.
cells="
  st(0, floor(N/$fps));
  st(1, if(between(X,2,13), mod(floor(ld(0)/pow(2,13-X)),2), 0));
  st(2, if(eq(X,14), floor(ld(0)/64), mod(ld(0),64)));
  st(3, mod(1+mod(ld(2),2)+mod(floor(ld(2)/2),2)+mod(floor(ld(2)/4),2)+mod(floor(ld(2)/8),2)+mod(floor(ld(2)/16),2)+mod(floor(ld(2)/32),2),2));
  255*if(eq(X,0), 1, if(eq(X,1), 0, if(lt(X,14), ld(1), ld(3))))"

# The river from second $1 on, 1280 pixels wide and $2 high. Four times finer than it is computed: level lines scale well.
river() {
  echo "color=black:s=320x$(($2 / 4)):r=$fps,setpts=PTS+$1/TB,format=gbrp16le,
    geq=r=0:g='$stream':b=0,geq=r='$ground':g='g(X,Y)':b='$ripples',
    scale=1280:$2:flags=bicubic,split=3[a][b][c];
  [a]shuffleplanes=2:2:2,lutrgb=r='$(ramp 4 38 238 222)':g='$(ramp 42 140 226 205)':b='$(ramp 66 150 192 163)'[land];
  [b]shuffleplanes=1:1:1,lutrgb=r='$glint':g='$glint':b='$glint'[light];
  [c]shuffleplanes=2:2:2,lutrgb=r='$water':g='$water':b='$water'[mask];
  [light][mask]blend=all_mode=multiply[shine];
  [land][shine]blend=all_mode=screen,format=yuv444p,
    hue=h='-5-5*sin(2*PI*t/$seconds)+3*sin(2*PI*t/21)':s='1+0.1*sin(2*PI*t/28)':b='-1.5*pow(0.5-0.5*cos(2*PI*t/$seconds),3)'"
}

# Upper left, where the controls of a player do not cover it.
clock='%{eif\:trunc(t/60)\:d\:2}\:%{eif\:mod(trunc(t+0.0001),60)\:d\:2}.%{eif\:mod(trunc(t*1000+0.5),1000)\:d\:3}'
picture="$(river 0 688),noise=alls=7:allf=t+u,
  drawbox=x=40:y=40:w=566:h=154:color=0x06202b@0.62:t=fill,
  drawtext=fontfile=$font/DejaVuSans-ExtraLight.ttf:fontsize=104:x=56:y=56:text='$clock':fontcolor=white,
  drawtext=fontfile=$font/DejaVuSans.ttf:fontsize=22:x=64:y=160:text='frame %{eif\:n\:d\:4}':fontcolor=white@0.85,
  format=yuv420p[river];
color=black:s=16x1:r=$fps,format=gray,geq=lum='$cells',scale=1280:32:flags=neighbor,format=yuv420p[strip];
[river][strip]vstack,setsar=1[video]"

# A drop every few seconds on each note: periods without a common measure never repeat the pattern.
drop() { # frequency period offset
  echo "exp(-1.7*mod(t+$3,$2))*(1-exp(-60*mod(t+$3,$2)))*(sin(2*PI*$1*t)+0.3*sin(4*PI*$1*t)+0.1*sin(6*PI*$1*t))"
}
pad() { # frequency period: swells and ebbs
  echo "pow(0.5-0.5*cos(2*PI*t/$2),2)*(sin(2*PI*$1*t)+0.4*sin(2*PI*$1*1.003*t)+0.15*sin(4*PI*$1*t))"
}
left="0.075*($(drop 587.33 7.3 1)+$(drop 440 5.9 3)+$(drop 739.99 11.1 6)) + 0.06*($(pad 146.83 21)+$(pad 220 14)+$(pad 92.5 28))"
right="0.075*($(drop 493.88 6.7 2)+$(drop 880 9.7 5)+$(drop 369.99 8.3 4)) + 0.06*($(pad 146.99 21)+$(pad 185 16.8)+$(pad 123.47 12))"
sound="
aevalsrc='$left|$right':s=48000:c=stereo,aecho=0.8:0.6:330|490|710:0.38|0.27|0.19[music];
anoisesrc=c=pink:r=48000:a=0.5:s=11[l];anoisesrc=c=pink:r=48000:a=0.5:s=23[r];
[l][r]join=inputs=2:channel_layout=stereo,highpass=f=220,lowpass=f=1500,tremolo=f=0.13:d=0.5,volume=0.16[stream];
[music][stream]amix=inputs=2:normalize=0,volume=8dB,alimiter=limit=0.8:level=0,
  afade=t=in:d=2,afade=t=out:st=$((seconds - 3)):d=3[sound]"

mkdir -p "$out"
# Constant rate: every second of the video costs about the same, as tests of seeking and stalling like it.
ffmpeg -hide_banner -loglevel warning -y -filter_complex "$picture;$sound" -map '[video]' -map '[sound]' -t "$seconds" \
  -c:v libx264 -profile:v high -preset medium -b:v 2980k -minrate 2980k -maxrate 2980k -bufsize 2980k \
  -x264-params "nal-hrd=cbr:keyint=$((fps * 2)):min-keyint=$fps:scenecut=0" \
  -color_primaries bt709 -color_trc bt709 -colorspace bt709 \
  -c:a aac -b:a 160k -movflags +faststart -map_metadata -1 -fflags +bitexact -flags:v +bitexact -flags:a +bitexact \
  "$out/tributary.mp4"
ffmpeg -hide_banner -loglevel error -y -filter_complex "$(river 8 720)" -frames:v 1 -q:v 5 "$out/tributary.jpg"
