"""Odd values, units, times and keywords for the campaign: valid ones that are rare, and invalid ones."""

from __future__ import annotations


def words(text: str) -> list[str]:
    """Return the words of a text."""
    return text.split()


def separated(text: str) -> list[str]:
    """Return the parts of a text between vertical bars, without blanks around them."""
    return [part.strip(" \n") for part in text.split("|")]


NUMBERS = words(
    """
    0 -0.0 1 -1 2 3 1E-5 0.5 0.6 0.600000001 1.5 90. 179.9999 180 360 1E5 1E7 2147483647 2147483648 -2147483648
    -32768 9223372036854775808 1E30 3E38 3.5E38 -3.5E38 1E200 1E300 -1E300 1E308 1E400 -1E400 1E-300 1E-320 1D5 1d5
    1.D400 1E+ +5 .5 5. nan NaN -nan inf -inf INF Infinity 1,5 1_0 0x10 0b1 1E5.5 --5 1.2.3 ( (1,2) (1.5,-2.5)
    (nan,inf) 1e5 T F TRUE 1234567890123456789012345678901234567890 ٣ 1E-400
    """
)
TIMES = words(
    """
    2020-01-01T00:00:11.57Z 2020-01-01T00:00:60.5 2020-01-01T25:00:00 2020-02-30T00:00:00 0000-00-00T00:00:00
    9999-12-31T23:59:59.999 10000-01-01T00:00:00 -4713-01-01T00:00:00 0001-01-01T00:00:00 2020.01.01_00:00:11_TAI
    2020.01.01_00:00:11_UTC 2020-01-01 2020-01 2020 01/01/20 20200101T000011 2020-01-01T00:00:11+05:00
    2020-001T00:00:11 2020-01-01T00:00:11.123456789012345678 1972-06-30T23:59:60 1858-11-17T00:00:00
    2100-01-01T00:00:00 now T 1E400 58849 2458849.5 J2020.0 Jan-01-2020 2020-01-01_00:00:11 ٢٠٢٠-٠١-٠١T00:00:00 nan
    NaT
    """
)
UNITS = words(
    """
    deg DEG degree degrees arcsec ARCSEC arcsecond arcseconds Arcsec arcmin mas rad km m Mm s Angstrom pix pixel DN
    DN/s DN/S dn/s ct Gauss G W/m2 1 10**3 m**1E9 m^(1/0) sqrt(m) log(DN) mag arcsec**2 km/(s.Mpc x ° " unknown None
    nan
    """
)
CTYPES = words(
    """
    HPLN-TAN HPLT-TAN hpln-tan HPLN-SIN HPLT-SIN HPLN-ARC HPLN-CAR HPLT-CAR HPLN-AZP HPLN-SZP HPLN-ZPN HPLN-TPV
    HPLN-TAN-SIP HPLT-TAN-SIP HPLN-XXX HPLN HPLN- HPLN---- HPLN-TAB RA---TAN DEC--TAN CRLN-CAR CRLT-CAR HGLN-CAR
    HGLT-CEA SOLAR-X solar_x solar_y SOLARX X Y LINEAR WAVE FREQ STOKES TIME UTC CUBEFACE RA---CSC RA---HPX GLON-TAN
    ELON-TAN xxxx-TAN HPLN-TANx HPLTTAN -TAN ----TAN COMPLEX
    """
)
STRUCTURAL = words(
    """
    SIMPLE XTENSION BITPIX NAXIS NAXIS1 NAXIS2 NAXIS3 PCOUNT GCOUNT GROUPS EXTEND EXTNAME BSCALE BZERO BLANK
    """
)
COMPRESSED = words(
    """
    ZIMAGE ZBITPIX ZNAXIS ZNAXIS1 ZNAXIS2 ZTILE1 ZTILE2 ZCMPTYPE ZNAME1 ZVAL1 ZNAME2 ZVAL2 ZQUANTIZ ZDITHER0 ZBLANK
    ZSCALE ZZERO ZSIMPLE ZEXTEND TFIELDS TFORM1 TTYPE1 TDIM1 THEAP TZERO1 TSCAL1 TNULL1
    """
)
COORDINATES = words(
    """
    CTYPE1 CTYPE2 CUNIT1 CUNIT2 CRPIX1 CRPIX2 CDELT1 CDELT2 CRVAL1 CRVAL2 CROTA1 CROTA2 PC1_1 PC1_2 PC2_1 PC2_2
    CD1_1 CD1_2 CD2_1 CD2_2 LONPOLE LATPOLE PV1_0 PV1_1 PV1_2 PV2_1 PS1_0 WCSAXES WCSNAME RADESYS EQUINOX VELREF
    SPECSYS RESTFRQ CRDER1 CSYER1 CRDER2 CNAME1 COLAX1 CTYPE3 CRPIX3 CDELT3 CRVAL3 CUNIT3 PC3_3 CTYPE1A CTYPE2A
    CUNIT1A CRPIX1A CDELT1A PC1_1A PV1_1A WCSNAMEA CROTA2A A_ORDER B_ORDER A_0_2 AP_ORDER BP_ORDER A_DMAX CPDIS1
    CPDIS2 CPERR1 DP1 DQ1 CQDIS1 D2IMDIS1 D2IMARR1 TELESCOP DVERR1 AXISCORR
    """
)
OBSERVATION = words(
    """
    T_OBS DATE-OBS DATE_OBS DATE-BEG DATE-AVG DATE-END DATE MJD-OBS MJD-AVG MJDREF MJDREFI DATEREF TIMESYS TIMEUNIT
    TREFPOS JEPOCH TSTART XPOSURE TELAPSE OBSGEO-X OBSGEO-Y OBSGEO-Z OBSGEO-B OBSORBIT ZSOURCE SSYSOBS VELOSYS
    VSOURCE EXPTIME WAVELNTH WAVEUNIT TELESCOP INSTRUME DETECTOR LVL_NUM QUALITY QUALLEV0 BUNIT PIXLUNIT RSUN_OBS
    RSUN_REF R_SUN DSUN_OBS HGLN_OBS HGLT_OBS CRLN_OBS CRLT_OBS HAEX_OBS X0_MP Y0_MP IMSCL_MP INST_ROT SAT_ROT
    MPO_REC ACS_MODE XCEN YCEN CENTER_X DATAMIN DATAMAX DATAMEAN TOTVALS MISSVALS CHECKSUM DATASUM RECIPE RECIPEID
    INPUTID HISTORY COMMENT INHERIT LONGSTRN CAMERA FSN ORIGIN KEYWDDOC HGQUERY
    """
)
KEYWORDS = [*COORDINATES, *OBSERVATION]
STRINGS = separated(
    """
    '' | ' ' | 'x' | 'nan' | 'inf' | '1E400' | '171' | '0.6' | '0x10' | '0.6 arcsec' | 'MISSING' | '(MISSING)' |
    'unclosed | ' | ''' | '''' | 'a''b' | '''quoted''' | x | unquoted words | 'x'y | 'x' y / z | / comment only |
    / | 'ends with &' | '&' | 'longlonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglong' |
    'longlonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglong | 'a / b' |
    '%s %(x)s {0} {x}' | '../../x' | '/' | 'ångström' | '°' | '{WAVELNTH}' | '$HOME' | 'None' | '=1' | = 5 |
    '<b>&amp;'
    """
)
CONTROL = ["\t", "\n", "\r", "\0", "\x1b", "\x07", "\x7f", "\x80", "\xa0", "\xff", "\r\n", "\x0b", "\x1c", "\x85"]
ODD_KEYWORDS = [
    "", "FOO", "foo", "FOO BAR", "A.B", "-", "_", "1", "FOO=", "END", "END    X", "NAXIS-1", "CONTINUE",
    "HIERARCH", "COMMENT=", "F\tO", "F\x00O", "FÿO", "TTYPE9", "ZFOO",
]  # fmt: skip
