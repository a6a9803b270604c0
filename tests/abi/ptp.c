// What the C headers of this machine say about every kernel structure and number that src/Platform/Linux mirrors: as abi.c, for tests/Unit.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <linux/errqueue.h>
#include <linux/ethtool.h>
#include <linux/filter.h>
#include <linux/if.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/net_tstamp.h>
#include <linux/ptp_clock.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/timex.h>
#include <time.h>

#include "mirror.h"

static void clocks(void)
{
	SIZE(PtpClockTime, struct ptp_clock_time);
	FIELD(PtpClockTime, Seconds, struct ptp_clock_time, sec);
	FIELD(PtpClockTime, Nanoseconds, struct ptp_clock_time, nsec);
	FIELD(PtpClockTime, Reserved, struct ptp_clock_time, reserved);

	SIZE(PtpClockCaps, struct ptp_clock_caps);
	FIELD(PtpClockCaps, MaxAdjustment, struct ptp_clock_caps, max_adj);
	FIELD(PtpClockCaps, Alarms, struct ptp_clock_caps, n_alarm);
	FIELD(PtpClockCaps, ExternalStamps, struct ptp_clock_caps, n_ext_ts);
	FIELD(PtpClockCaps, PeriodicOutputs, struct ptp_clock_caps, n_per_out);
	FIELD(PtpClockCaps, Pps, struct ptp_clock_caps, pps);
	FIELD(PtpClockCaps, Pins, struct ptp_clock_caps, n_pins);
	FIELD(PtpClockCaps, CrossTimestamping, struct ptp_clock_caps, cross_timestamping);
	FIELD(PtpClockCaps, AdjustPhase, struct ptp_clock_caps, adjust_phase);
	// max_phase_adj came with 6.5, in the place of the first reserved word.
	VALUE("PtpClockCaps.MaxPhaseAdjustment", offsetof(struct ptp_clock_caps, adjust_phase) + sizeof(int));
	VALUE("PtpClockCaps.MaxPhaseAdjustment.size", sizeof(int));

	SIZE(PtpSysOffset, struct ptp_sys_offset);
	FIELD(PtpSysOffset, Samples, struct ptp_sys_offset, n_samples);
	FIELD(PtpSysOffset, Reserved0, struct ptp_sys_offset, rsv[0]);
	FIELD(PtpSysOffset, Reserved1, struct ptp_sys_offset, rsv[1]);
	FIELD(PtpSysOffset, Reserved2, struct ptp_sys_offset, rsv[2]);
	FIELD(PtpSysOffset, Times, struct ptp_sys_offset, ts);
	VALUE("PtpTimes51.size", sizeof(((struct ptp_sys_offset *)0)->ts));

	SIZE(PtpSysOffsetExtended, struct ptp_sys_offset_extended);
	FIELD(PtpSysOffsetExtended, Samples, struct ptp_sys_offset_extended, n_samples);
	// clockid came with 6.12, in the place of the first of three reserved words.
	VALUE("PtpSysOffsetExtended.ClockId", sizeof(unsigned int));
	VALUE("PtpSysOffsetExtended.ClockId.size", sizeof(clockid_t));
	VALUE("PtpSysOffsetExtended.Reserved0", 2 * sizeof(unsigned int));
	VALUE("PtpSysOffsetExtended.Reserved0.size", sizeof(unsigned int));
	VALUE("PtpSysOffsetExtended.Reserved1", 3 * sizeof(unsigned int));
	VALUE("PtpSysOffsetExtended.Reserved1.size", sizeof(unsigned int));
	FIELD(PtpSysOffsetExtended, Times, struct ptp_sys_offset_extended, ts);
	VALUE("PtpTimes75.size", sizeof(((struct ptp_sys_offset_extended *)0)->ts));

	SIZE(PtpSysOffsetPrecise, struct ptp_sys_offset_precise);
	FIELD(PtpSysOffsetPrecise, Device, struct ptp_sys_offset_precise, device);
	FIELD(PtpSysOffsetPrecise, Realtime, struct ptp_sys_offset_precise, sys_realtime);
	FIELD(PtpSysOffsetPrecise, MonotonicRaw, struct ptp_sys_offset_precise, sys_monoraw);

	SAME(PtpDevice, PTP_MAX_SAMPLES);
	SAME(PtpDevice, PTP_CLOCK_GETCAPS);
	SAME(PtpDevice, PTP_CLOCK_GETCAPS2);
	SAME(PtpDevice, PTP_SYS_OFFSET);
	SAME(PtpDevice, PTP_SYS_OFFSET2);
	SAME(PtpDevice, PTP_SYS_OFFSET_PRECISE);
	SAME(PtpDevice, PTP_SYS_OFFSET_PRECISE2);
	SAME(PtpDevice, PTP_SYS_OFFSET_EXTENDED);
	SAME(PtpDevice, PTP_SYS_OFFSET_EXTENDED2);
}

static void calls(void)
{
	SIZE(Timespec, struct timespec);
	FIELD(Timespec, Seconds, struct timespec, tv_sec);
	FIELD(Timespec, Nanoseconds, struct timespec, tv_nsec);

	SIZE(NameIndex, struct if_nameindex);
	FIELD(NameIndex, Index, struct if_nameindex, if_index);
	FIELD(NameIndex, Name, struct if_nameindex, if_name);

	SIZE(Timex, struct timex);
	FIELD(Timex, Modes, struct timex, modes);
	FIELD(Timex, Frequency, struct timex, freq);
	FIELD(Timex, MaxError, struct timex, maxerror);
	FIELD(Timex, EstError, struct timex, esterror);
	FIELD(Timex, Status, struct timex, status);
	FIELD(Timex, Constant, struct timex, constant);
	FIELD(Timex, TimeSeconds, struct timex, time.tv_sec);
	FIELD(Timex, TimeFraction, struct timex, time.tv_usec);
	FIELD(Timex, Tai, struct timex, tai);
	SAME(Timex, ADJ_FREQUENCY);
	SAME(Timex, ADJ_MAXERROR);
	SAME(Timex, ADJ_ESTERROR);
	SAME(Timex, ADJ_STATUS);
	SAME(Timex, ADJ_TAI);
	SAME(Timex, ADJ_SETOFFSET);
	SAME(Timex, ADJ_NANO);
	SAME(Timex, STA_INS);
	SAME(Timex, STA_DEL);
	SAME(Timex, STA_UNSYNC);

	SAME(SystemCalls, EPERM);
	SAME(SystemCalls, ENOENT);
	SAME(SystemCalls, EACCES);
	SAME(SystemCalls, EBUSY);
	SAME(SystemCalls, ENODEV);
	SAME(SystemCalls, EINVAL);
	SAME(SystemCalls, ENOTTY);
	SAME(SystemCalls, EOPNOTSUPP);
	SAME(SystemCalls, O_RDONLY);
	SAME(SystemCalls, O_RDWR);
	SAME(SystemCalls, O_CLOEXEC);
	SAME(SystemCalls, AF_INET);
	SAME(SystemCalls, SOCK_DGRAM);
	SAME(SystemCalls, SOCK_CLOEXEC);
	SAME(SystemCalls, CLOCK_REALTIME);
	SAME(SystemCalls, CLOCK_MONOTONIC_RAW);
	VALUE("ReferenceClock.Realtime", CLOCK_REALTIME);
	VALUE("ReferenceClock.MonotonicRaw", CLOCK_MONOTONIC_RAW);
}

static void interfaces(void)
{
	SIZE(InterfaceRequest, struct ifreq);
	FIELD(InterfaceRequest, Name, struct ifreq, ifr_name);
	FIELD(InterfaceRequest, Data, struct ifreq, ifr_data);

	SIZE(EthtoolStampInfo, struct ethtool_ts_info);
	FIELD(EthtoolStampInfo, Command, struct ethtool_ts_info, cmd);
	FIELD(EthtoolStampInfo, Flags, struct ethtool_ts_info, so_timestamping);
	FIELD(EthtoolStampInfo, PhcIndex, struct ethtool_ts_info, phc_index);
	FIELD(EthtoolStampInfo, TxTypes, struct ethtool_ts_info, tx_types);
	FIELD(EthtoolStampInfo, RxFilters, struct ethtool_ts_info, rx_filters);

	SIZE(EthtoolDriver, struct ethtool_drvinfo);
	FIELD(EthtoolDriver, Command, struct ethtool_drvinfo, cmd);
	FIELD(EthtoolDriver, Driver, struct ethtool_drvinfo, driver);
	FIELD(EthtoolDriver, Firmware, struct ethtool_drvinfo, fw_version);
	FIELD(EthtoolDriver, Bus, struct ethtool_drvinfo, bus_info);
	FIELD(EthtoolDriver, PrivateFlags, struct ethtool_drvinfo, n_priv_flags);

	SIZE(EthtoolNumber, struct ethtool_value);
	FIELD(EthtoolNumber, Command, struct ethtool_value, cmd);
	FIELD(EthtoolNumber, Data, struct ethtool_value, data);

	SIZE(EthtoolStrings, struct ethtool_gstrings);
	FIELD(EthtoolStrings, Command, struct ethtool_gstrings, cmd);
	FIELD(EthtoolStrings, Set, struct ethtool_gstrings, string_set);
	FIELD(EthtoolStrings, Count, struct ethtool_gstrings, len);

	SIZE(StampConfig, struct hwtstamp_config);
	FIELD(StampConfig, Flags, struct hwtstamp_config, flags);
	FIELD(StampConfig, TxType, struct hwtstamp_config, tx_type);
	FIELD(StampConfig, RxFilter, struct hwtstamp_config, rx_filter);

	SAME(InterfaceDevice, ETHTOOL_GDRVINFO);
	SAME(InterfaceDevice, ETHTOOL_GSTRINGS);
	SAME(InterfaceDevice, ETHTOOL_GPFLAGS);
	SAME(InterfaceDevice, ETHTOOL_GET_TS_INFO);
	SAME(InterfaceDevice, ETH_SS_PRIV_FLAGS);
	SAME(InterfaceDevice, SIOCETHTOOL);
	SAME(InterfaceDevice, SIOCSHWTSTAMP);
	SAME(InterfaceDevice, SIOCGHWTSTAMP);
	SAME(InterfaceDevice, IFNAMSIZ);
	SAME(InterfaceDevice, ETH_GSTRING_LEN);
}

static void sockets(void)
{
	SIZE(PollEntry, struct pollfd);
	FIELD(PollEntry, Fd, struct pollfd, fd);
	FIELD(PollEntry, Wanted, struct pollfd, events);
	FIELD(PollEntry, Happened, struct pollfd, revents);

	SIZE(IoVector, struct iovec);
	FIELD(IoVector, Base, struct iovec, iov_base);
	FIELD(IoVector, Bytes, struct iovec, iov_len);

	SIZE(MessageHead, struct msghdr);
	FIELD(MessageHead, Name, struct msghdr, msg_name);
	FIELD(MessageHead, NameBytes, struct msghdr, msg_namelen);
	FIELD(MessageHead, Vectors, struct msghdr, msg_iov);
	FIELD(MessageHead, VectorCount, struct msghdr, msg_iovlen);
	FIELD(MessageHead, Control, struct msghdr, msg_control);
	FIELD(MessageHead, ControlBytes, struct msghdr, msg_controllen);
	FIELD(MessageHead, Flags, struct msghdr, msg_flags);

	SIZE(MessageEntry, struct mmsghdr);
	FIELD(MessageEntry, Head, struct mmsghdr, msg_hdr);
	FIELD(MessageEntry, Bytes, struct mmsghdr, msg_len);

	SIZE(FilterStep, struct sock_filter);
	FIELD(FilterStep, Code, struct sock_filter, code);
	FIELD(FilterStep, IfTrue, struct sock_filter, jt);
	FIELD(FilterStep, IfFalse, struct sock_filter, jf);
	FIELD(FilterStep, Operand, struct sock_filter, k);

	SIZE(InterfaceAnswer, struct ifreq);
	FIELD(InterfaceAnswer, Name, struct ifreq, ifr_name);
	FIELD(InterfaceAnswer, Number, struct ifreq, ifr_ifindex);
	FIELD(InterfaceAnswer, Data, struct ifreq, ifr_ifru);

	SAME(SocketNumbers, POLLIN);
	SAME(SocketNumbers, EINTR);
	SAME(SocketNumbers, EAGAIN);
	SAME(SocketNumbers, ENOBUFS);
	SAME(SocketNumbers, EFD_CLOEXEC);
	SAME(SocketNumbers, EFD_NONBLOCK);
	SAME(SocketNumbers, AF_INET);
	SAME(SocketNumbers, AF_INET6);
	SAME(SocketNumbers, AF_NETLINK);
	SAME(SocketNumbers, AF_PACKET);
	SAME(SocketNumbers, SOCK_DGRAM);
	SAME(SocketNumbers, SOCK_RAW);
	SAME(SocketNumbers, SOCK_NONBLOCK);
	SAME(SocketNumbers, MSG_CTRUNC);
	SAME(SocketNumbers, MSG_TRUNC);
	SAME(SocketNumbers, MSG_DONTWAIT);
	SAME(SocketNumbers, MSG_ERRQUEUE);
	SAME(SocketNumbers, MSG_NOSIGNAL);
	SAME(SocketNumbers, SOL_SOCKET);
	SAME(SocketNumbers, SO_RCVBUF);
	SAME(SocketNumbers, SO_BINDTODEVICE);
	SAME(SocketNumbers, SO_ATTACH_FILTER);
	SAME(SocketNumbers, SO_TIMESTAMPING);
	SAME(SocketNumbers, SCM_TIMESTAMPING);
	SAME(SocketNumbers, SOL_IP);
	SAME(SocketNumbers, IP_TOS);
	SAME(SocketNumbers, IP_RECVERR);
	SAME(SocketNumbers, IP_MULTICAST_IF);
	SAME(SocketNumbers, IP_MULTICAST_TTL);
	SAME(SocketNumbers, IP_MULTICAST_LOOP);
	SAME(SocketNumbers, IP_ADD_MEMBERSHIP);
	SAME(SocketNumbers, IP_MULTICAST_ALL);
	SAME(SocketNumbers, SOL_IPV6);
	SAME(SocketNumbers, IPV6_MULTICAST_IF);
	SAME(SocketNumbers, IPV6_MULTICAST_HOPS);
	SAME(SocketNumbers, IPV6_MULTICAST_LOOP);
	SAME(SocketNumbers, IPV6_ADD_MEMBERSHIP);
	SAME(SocketNumbers, IPV6_RECVERR);
	SAME(SocketNumbers, IPV6_V6ONLY);
	SAME(SocketNumbers, IPV6_MULTICAST_ALL);
	SAME(SocketNumbers, IPV6_TCLASS);
	SAME(SocketNumbers, SOL_PACKET);
	SAME(SocketNumbers, PACKET_ADD_MEMBERSHIP);
	SAME(SocketNumbers, PACKET_AUXDATA);
	SAME(SocketNumbers, PACKET_TX_TIMESTAMP);
	SAME(SocketNumbers, PACKET_IGNORE_OUTGOING);
	SAME(SocketNumbers, PACKET_MR_MULTICAST);
	SAME(SocketNumbers, PACKET_OTHERHOST);
	SAME(SocketNumbers, TP_STATUS_VLAN_VALID);
	SAME(SocketNumbers, ETH_P_ALL);
	SAME(SocketNumbers, ETH_P_8021Q);
	SAME(SocketNumbers, ETH_P_1588);
	SAME(SocketNumbers, SOF_TIMESTAMPING_TX_HARDWARE);
	SAME(SocketNumbers, SOF_TIMESTAMPING_TX_SOFTWARE);
	SAME(SocketNumbers, SOF_TIMESTAMPING_RX_HARDWARE);
	SAME(SocketNumbers, SOF_TIMESTAMPING_RX_SOFTWARE);
	SAME(SocketNumbers, SOF_TIMESTAMPING_SOFTWARE);
	SAME(SocketNumbers, SOF_TIMESTAMPING_RAW_HARDWARE);
	SAME(SocketNumbers, SOF_TIMESTAMPING_OPT_ID);
	SAME(SocketNumbers, SOF_TIMESTAMPING_OPT_TSONLY);
	SAME(SocketNumbers, SOF_TIMESTAMPING_BIND_PHC);
	SAME(SocketNumbers, SO_EE_ORIGIN_TIMESTAMPING);
	SAME(SocketNumbers, SCM_TSTAMP_SND);
	VALUE("SocketNumbers.SKF_AD_PROTOCOL", (unsigned int)(SKF_AD_OFF + SKF_AD_PROTOCOL));
	VALUE("SocketNumbers.SKF_AD_VLAN_TAG", (unsigned int)(SKF_AD_OFF + SKF_AD_VLAN_TAG));
	VALUE("SocketNumbers.SKF_AD_VLAN_TAG_PRESENT", (unsigned int)(SKF_AD_OFF + SKF_AD_VLAN_TAG_PRESENT));
	SAME(SocketNumbers, NETLINK_ROUTE);
	SAME(SocketNumbers, RTMGRP_LINK);
	SAME(SocketNumbers, RTM_NEWLINK);
	SAME(SocketNumbers, RTM_DELLINK);
	SAME(SocketNumbers, SIOCGIFFLAGS);
	SAME(SocketNumbers, SIOCGIFHWADDR);
	SAME(SocketNumbers, SIOCGIFINDEX);
	SAME(SocketNumbers, IFNAMSIZ);
	SAME(SocketNumbers, IFF_UP);
	SAME(SocketNumbers, IFF_RUNNING);
	SAME(SocketNumbers, IFF_LOWER_UP);
}

int main(void)
{
	clocks();
	calls();
	interfaces();
	sockets();
	return 0;
}
