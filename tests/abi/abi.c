// What the C headers of this machine say about every kernel structure and number that src/Platform/Linux mirrors; see mirror.h.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#include <linux/ethtool.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <linux/io_uring.h>
#include <linux/ioprio.h>
#include <linux/net_tstamp.h>
#include <linux/netlink.h>
#include <linux/nsfs.h>
#include <linux/reboot.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <linux/time_types.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <sys/uio.h>
#include <pcap/pcap.h>

#include "mirror.h"
#include "module.h"

static void rings(void)
{
	SIZE(TpacketBlockDesc, struct tpacket_block_desc);
	FIELD(TpacketBlockDesc, Version, struct tpacket_block_desc, version);
	FIELD(TpacketBlockDesc, OffsetToPrivate, struct tpacket_block_desc, offset_to_priv);
	FIELD(TpacketBlockDesc, BlockStatus, struct tpacket_block_desc, hdr.bh1.block_status);
	FIELD(TpacketBlockDesc, PacketCount, struct tpacket_block_desc, hdr.bh1.num_pkts);
	FIELD(TpacketBlockDesc, OffsetToFirstPacket, struct tpacket_block_desc, hdr.bh1.offset_to_first_pkt);
	FIELD(TpacketBlockDesc, BlockLength, struct tpacket_block_desc, hdr.bh1.blk_len);
	FIELD(TpacketBlockDesc, SequenceNumber, struct tpacket_block_desc, hdr.bh1.seq_num);
	FIELD(TpacketBlockDesc, FirstSeconds, struct tpacket_block_desc, hdr.bh1.ts_first_pkt.ts_sec);
	FIELD(TpacketBlockDesc, FirstNanoseconds, struct tpacket_block_desc, hdr.bh1.ts_first_pkt.ts_nsec);
	FIELD(TpacketBlockDesc, LastSeconds, struct tpacket_block_desc, hdr.bh1.ts_last_pkt.ts_sec);
	FIELD(TpacketBlockDesc, LastNanoseconds, struct tpacket_block_desc, hdr.bh1.ts_last_pkt.ts_nsec);

	SIZE(Tpacket3Hdr, struct tpacket3_hdr);
	FIELD(Tpacket3Hdr, NextOffset, struct tpacket3_hdr, tp_next_offset);
	FIELD(Tpacket3Hdr, Seconds, struct tpacket3_hdr, tp_sec);
	FIELD(Tpacket3Hdr, Nanoseconds, struct tpacket3_hdr, tp_nsec);
	FIELD(Tpacket3Hdr, SnapLength, struct tpacket3_hdr, tp_snaplen);
	FIELD(Tpacket3Hdr, Length, struct tpacket3_hdr, tp_len);
	FIELD(Tpacket3Hdr, Status, struct tpacket3_hdr, tp_status);
	FIELD(Tpacket3Hdr, MacOffset, struct tpacket3_hdr, tp_mac);
	FIELD(Tpacket3Hdr, NetOffset, struct tpacket3_hdr, tp_net);
	FIELD(Tpacket3Hdr, RxHash, struct tpacket3_hdr, hv1.tp_rxhash);
	FIELD(Tpacket3Hdr, VlanTci, struct tpacket3_hdr, hv1.tp_vlan_tci);
	FIELD(Tpacket3Hdr, VlanTpid, struct tpacket3_hdr, hv1.tp_vlan_tpid);

	SIZE(TpacketReq3, struct tpacket_req3);
	FIELD(TpacketReq3, BlockBytes, struct tpacket_req3, tp_block_size);
	FIELD(TpacketReq3, BlockCount, struct tpacket_req3, tp_block_nr);
	FIELD(TpacketReq3, FrameBytes, struct tpacket_req3, tp_frame_size);
	FIELD(TpacketReq3, FrameCount, struct tpacket_req3, tp_frame_nr);
	FIELD(TpacketReq3, RetireBlockMs, struct tpacket_req3, tp_retire_blk_tov);
	FIELD(TpacketReq3, PrivateBytes, struct tpacket_req3, tp_sizeof_priv);
	FIELD(TpacketReq3, FeatureRequest, struct tpacket_req3, tp_feature_req_word);

	SIZE(TpacketStatsV3, struct tpacket_stats_v3);
	FIELD(TpacketStatsV3, Packets, struct tpacket_stats_v3, tp_packets);
	FIELD(TpacketStatsV3, Drops, struct tpacket_stats_v3, tp_drops);
	FIELD(TpacketStatsV3, FreezeCount, struct tpacket_stats_v3, tp_freeze_q_cnt);

	// The kernel puts a sockaddr_ll behind each tpacket3_hdr, aligned.
	VALUE("BlockRewriter.PacketTypeOffset", TPACKET_ALIGN(sizeof(struct tpacket3_hdr)) + offsetof(struct sockaddr_ll, sll_pkttype));
	CONSTANT(BlockRewriter, EtherType8021Q, ETH_P_8021Q);
}

static void sockets(void)
{
	SIZE(SockaddrLl, struct sockaddr_ll);
	FIELD(SockaddrLl, Family, struct sockaddr_ll, sll_family);
	FIELD(SockaddrLl, Protocol, struct sockaddr_ll, sll_protocol);
	FIELD(SockaddrLl, IfIndex, struct sockaddr_ll, sll_ifindex);
	FIELD(SockaddrLl, HaType, struct sockaddr_ll, sll_hatype);
	FIELD(SockaddrLl, PacketType, struct sockaddr_ll, sll_pkttype);
	FIELD(SockaddrLl, HaLength, struct sockaddr_ll, sll_halen);
	FIELD(SockaddrLl, Address, struct sockaddr_ll, sll_addr);

	SIZE(PacketMreq, struct packet_mreq);
	FIELD(PacketMreq, IfIndex, struct packet_mreq, mr_ifindex);
	FIELD(PacketMreq, Type, struct packet_mreq, mr_type);
	FIELD(PacketMreq, AddressLength, struct packet_mreq, mr_alen);
	FIELD(PacketMreq, Address, struct packet_mreq, mr_address);

	SIZE(SockFilter, struct sock_filter);
	FIELD(SockFilter, Code, struct sock_filter, code);
	FIELD(SockFilter, JumpTrue, struct sock_filter, jt);
	FIELD(SockFilter, JumpFalse, struct sock_filter, jf);
	FIELD(SockFilter, K, struct sock_filter, k);

	SIZE(SockFprog, struct sock_fprog);
	FIELD(SockFprog, Length, struct sock_fprog, len);
	FIELD(SockFprog, Filter, struct sock_fprog, filter);

	SIZE(BpfProgram, struct bpf_program);
	FIELD(BpfProgram, Length, struct bpf_program, bf_len);
	FIELD(BpfProgram, Instructions, struct bpf_program, bf_insns);

	SIZE(SockaddrNl, struct sockaddr_nl);
	FIELD(SockaddrNl, Family, struct sockaddr_nl, nl_family);
	FIELD(SockaddrNl, Padding, struct sockaddr_nl, nl_pad);
	FIELD(SockaddrNl, PortId, struct sockaddr_nl, nl_pid);
	FIELD(SockaddrNl, Groups, struct sockaddr_nl, nl_groups);

	SIZE(NlMsgHdr, struct nlmsghdr);
	FIELD(NlMsgHdr, Length, struct nlmsghdr, nlmsg_len);
	FIELD(NlMsgHdr, Type, struct nlmsghdr, nlmsg_type);
	FIELD(NlMsgHdr, Flags, struct nlmsghdr, nlmsg_flags);
	FIELD(NlMsgHdr, Sequence, struct nlmsghdr, nlmsg_seq);
	FIELD(NlMsgHdr, PortId, struct nlmsghdr, nlmsg_pid);

	SIZE(IfInfoMsg, struct ifinfomsg);
	FIELD(IfInfoMsg, Family, struct ifinfomsg, ifi_family);
	FIELD(IfInfoMsg, Padding, struct ifinfomsg, __ifi_pad);
	FIELD(IfInfoMsg, Type, struct ifinfomsg, ifi_type);
	FIELD(IfInfoMsg, Index, struct ifinfomsg, ifi_index);
	FIELD(IfInfoMsg, Flags, struct ifinfomsg, ifi_flags);
	FIELD(IfInfoMsg, Change, struct ifinfomsg, ifi_change);

	SIZE(RtAttr, struct rtattr);
	FIELD(RtAttr, Length, struct rtattr, rta_len);
	FIELD(RtAttr, Type, struct rtattr, rta_type);

	SIZE(RtnlLinkStats64, struct rtnl_link_stats64);
	FIELD(RtnlLinkStats64, RxPackets, struct rtnl_link_stats64, rx_packets);
	FIELD(RtnlLinkStats64, TxPackets, struct rtnl_link_stats64, tx_packets);
	FIELD(RtnlLinkStats64, RxBytes, struct rtnl_link_stats64, rx_bytes);
	FIELD(RtnlLinkStats64, TxBytes, struct rtnl_link_stats64, tx_bytes);
	FIELD(RtnlLinkStats64, RxErrors, struct rtnl_link_stats64, rx_errors);
	FIELD(RtnlLinkStats64, RxDropped, struct rtnl_link_stats64, rx_dropped);
	FIELD(RtnlLinkStats64, RxFifoErrors, struct rtnl_link_stats64, rx_fifo_errors);
	FIELD(RtnlLinkStats64, RxMissedErrors, struct rtnl_link_stats64, rx_missed_errors);

	SIZE(FileStat, struct stat);
	FIELD(FileStat, Device, struct stat, st_dev);
	FIELD(FileStat, Inode, struct stat, st_ino);
	FIELD(FileStat, Mode, struct stat, st_mode);

	SIZE(PollFd, struct pollfd);
	FIELD(PollFd, Fd, struct pollfd, fd);
	FIELD(PollFd, Events, struct pollfd, events);
	FIELD(PollFd, Revents, struct pollfd, revents);

	SIZE(EpollEvent, struct epoll_event);
	FIELD(EpollEvent, Events, struct epoll_event, events);
	FIELD(EpollEvent, Data, struct epoll_event, data);

	SIZE(Timex, struct timex);
	FIELD(Timex, Modes, struct timex, modes);
	FIELD(Timex, Status, struct timex, status);
	FIELD(Timex, Tai, struct timex, tai);
	SIZE(IoVector, struct iovec);
	FIELD(IoVector, Base, struct iovec, iov_base);
	FIELD(IoVector, Bytes, struct iovec, iov_len);
	SIZE(Timespec, struct timespec);
	FIELD(Timespec, Seconds, struct timespec, tv_sec);
	FIELD(Timespec, Nanoseconds, struct timespec, tv_nsec);
}

static void interfaces(void)
{
	SIZE(IfReqData, struct ifreq);
	FIELD(IfReqData, Name, struct ifreq, ifr_name);
	FIELD(IfReqData, Data, struct ifreq, ifr_data);

	SIZE(EthtoolValue, struct ethtool_value);
	FIELD(EthtoolValue, Command, struct ethtool_value, cmd);
	FIELD(EthtoolValue, Data, struct ethtool_value, data);

	SIZE(EthtoolDriverInfo, struct ethtool_drvinfo);
	FIELD(EthtoolDriverInfo, Command, struct ethtool_drvinfo, cmd);
	FIELD(EthtoolDriverInfo, Driver, struct ethtool_drvinfo, driver);
	FIELD(EthtoolDriverInfo, Version, struct ethtool_drvinfo, version);
	FIELD(EthtoolDriverInfo, FirmwareVersion, struct ethtool_drvinfo, fw_version);
	FIELD(EthtoolDriverInfo, BusInfo, struct ethtool_drvinfo, bus_info);
	FIELD(EthtoolDriverInfo, ExpansionRomVersion, struct ethtool_drvinfo, erom_version);
	FIELD(EthtoolDriverInfo, Reserved, struct ethtool_drvinfo, reserved2);
	FIELD(EthtoolDriverInfo, PrivateFlags, struct ethtool_drvinfo, n_priv_flags);
	FIELD(EthtoolDriverInfo, Statistics, struct ethtool_drvinfo, n_stats);
	FIELD(EthtoolDriverInfo, TestInfoLength, struct ethtool_drvinfo, testinfo_len);
	FIELD(EthtoolDriverInfo, EepromDumpLength, struct ethtool_drvinfo, eedump_len);
	FIELD(EthtoolDriverInfo, RegisterDumpLength, struct ethtool_drvinfo, regdump_len);

	SIZE(EthtoolLinkSettings, struct ethtool_link_settings);
	FIELD(EthtoolLinkSettings, Command, struct ethtool_link_settings, cmd);
	FIELD(EthtoolLinkSettings, Speed, struct ethtool_link_settings, speed);
	FIELD(EthtoolLinkSettings, Duplex, struct ethtool_link_settings, duplex);
	FIELD(EthtoolLinkSettings, ModeWords, struct ethtool_link_settings, link_mode_masks_nwords);

	SIZE(EthtoolTimestampInfo, struct ethtool_ts_info);
	FIELD(EthtoolTimestampInfo, Command, struct ethtool_ts_info, cmd);
	FIELD(EthtoolTimestampInfo, SoTimestamping, struct ethtool_ts_info, so_timestamping);
	FIELD(EthtoolTimestampInfo, PhcIndex, struct ethtool_ts_info, phc_index);
	FIELD(EthtoolTimestampInfo, TxTypes, struct ethtool_ts_info, tx_types);
	FIELD(EthtoolTimestampInfo, TxReserved, struct ethtool_ts_info, tx_reserved);
	FIELD(EthtoolTimestampInfo, RxFilters, struct ethtool_ts_info, rx_filters);
	FIELD(EthtoolTimestampInfo, RxReserved, struct ethtool_ts_info, rx_reserved);

	SIZE(HardwareStampConfig, struct hwtstamp_config);
	FIELD(HardwareStampConfig, Flags, struct hwtstamp_config, flags);
	FIELD(HardwareStampConfig, TxType, struct hwtstamp_config, tx_type);
	FIELD(HardwareStampConfig, RxFilter, struct hwtstamp_config, rx_filter);
}

static void uring(void)
{
	SIZE(IoUringParams, struct io_uring_params);
	FIELD(IoUringParams, SqEntries, struct io_uring_params, sq_entries);
	FIELD(IoUringParams, CqEntries, struct io_uring_params, cq_entries);
	FIELD(IoUringParams, Flags, struct io_uring_params, flags);
	FIELD(IoUringParams, SqThreadCpu, struct io_uring_params, sq_thread_cpu);
	FIELD(IoUringParams, SqThreadIdle, struct io_uring_params, sq_thread_idle);
	FIELD(IoUringParams, Features, struct io_uring_params, features);
	FIELD(IoUringParams, WqFd, struct io_uring_params, wq_fd);
	FIELD(IoUringParams, Reserved, struct io_uring_params, resv);
	FIELD(IoUringParams, SqOffsets, struct io_uring_params, sq_off);
	FIELD(IoUringParams, CqOffsets, struct io_uring_params, cq_off);

	SIZE(IoSqringOffsets, struct io_sqring_offsets);
	FIELD(IoSqringOffsets, Head, struct io_sqring_offsets, head);
	FIELD(IoSqringOffsets, Tail, struct io_sqring_offsets, tail);
	FIELD(IoSqringOffsets, RingMask, struct io_sqring_offsets, ring_mask);
	FIELD(IoSqringOffsets, RingEntries, struct io_sqring_offsets, ring_entries);
	FIELD(IoSqringOffsets, Flags, struct io_sqring_offsets, flags);
	FIELD(IoSqringOffsets, Dropped, struct io_sqring_offsets, dropped);
	FIELD(IoSqringOffsets, Array, struct io_sqring_offsets, array);
	FIELD(IoSqringOffsets, Reserved1, struct io_sqring_offsets, resv1);
	// user_addr (resv2 in older headers) is the last member, 64 bits.
	VALUE("IoSqringOffsets.UserAddress", sizeof(struct io_sqring_offsets) - sizeof(uint64_t));
	VALUE("IoSqringOffsets.UserAddress.size", sizeof(uint64_t));

	SIZE(IoCqringOffsets, struct io_cqring_offsets);
	FIELD(IoCqringOffsets, Head, struct io_cqring_offsets, head);
	FIELD(IoCqringOffsets, Tail, struct io_cqring_offsets, tail);
	FIELD(IoCqringOffsets, RingMask, struct io_cqring_offsets, ring_mask);
	FIELD(IoCqringOffsets, RingEntries, struct io_cqring_offsets, ring_entries);
	FIELD(IoCqringOffsets, Overflow, struct io_cqring_offsets, overflow);
	FIELD(IoCqringOffsets, Cqes, struct io_cqring_offsets, cqes);
	FIELD(IoCqringOffsets, Flags, struct io_cqring_offsets, flags);
	FIELD(IoCqringOffsets, Reserved1, struct io_cqring_offsets, resv1);
	VALUE("IoCqringOffsets.UserAddress", sizeof(struct io_cqring_offsets) - sizeof(uint64_t));
	VALUE("IoCqringOffsets.UserAddress.size", sizeof(uint64_t));

	SIZE(IoUringSqe, struct io_uring_sqe);
	FIELD(IoUringSqe, Opcode, struct io_uring_sqe, opcode);
	FIELD(IoUringSqe, Flags, struct io_uring_sqe, flags);
	FIELD(IoUringSqe, IoPriority, struct io_uring_sqe, ioprio);
	FIELD(IoUringSqe, Fd, struct io_uring_sqe, fd);
	FIELD(IoUringSqe, Offset, struct io_uring_sqe, off);
	FIELD(IoUringSqe, Address, struct io_uring_sqe, addr);
	FIELD(IoUringSqe, Length, struct io_uring_sqe, len);
	FIELD(IoUringSqe, RwFlags, struct io_uring_sqe, rw_flags);
	FIELD(IoUringSqe, UserData, struct io_uring_sqe, user_data);

	SIZE(IoUringCqe, struct io_uring_cqe);
	FIELD(IoUringCqe, UserData, struct io_uring_cqe, user_data);
	FIELD(IoUringCqe, Result, struct io_uring_cqe, res);
	FIELD(IoUringCqe, Flags, struct io_uring_cqe, flags);

	SIZE(IoUringGeteventsArg, struct io_uring_getevents_arg);
	FIELD(IoUringGeteventsArg, SigMask, struct io_uring_getevents_arg, sigmask);
	FIELD(IoUringGeteventsArg, SigMaskBytes, struct io_uring_getevents_arg, sigmask_sz);
	// "pad" became min_wait_usec in 6.12; the place stayed.
	VALUE("IoUringGeteventsArg.Padding", offsetof(struct io_uring_getevents_arg, sigmask_sz) + sizeof(uint32_t));
	VALUE("IoUringGeteventsArg.Padding.size", sizeof(uint32_t));
	FIELD(IoUringGeteventsArg, TimespecAddress, struct io_uring_getevents_arg, ts);

	SIZE(KernelTimespec, struct __kernel_timespec);
	FIELD(KernelTimespec, Seconds, struct __kernel_timespec, tv_sec);
	FIELD(KernelTimespec, Nanoseconds, struct __kernel_timespec, tv_nsec);

	CONSTANT(IoUring, SetupNumber, __NR_io_uring_setup);
	CONSTANT(IoUring, EnterNumber, __NR_io_uring_enter);
	CONSTANT(IoUring, OffsetSqRing, IORING_OFF_SQ_RING);
	CONSTANT(IoUring, OffsetSqes, IORING_OFF_SQES);
	CONSTANT(IoUring, EnterGetEvents, IORING_ENTER_GETEVENTS);
	CONSTANT(IoUring, EnterExtArg, IORING_ENTER_EXT_ARG);
	CONSTANT(IoUring, FeatureSingleMmap, IORING_FEAT_SINGLE_MMAP);
	CONSTANT(IoUring, FeatureExtArg, IORING_FEAT_EXT_ARG);
	CONSTANT(IoUring, OpWrite, IORING_OP_WRITE);
}

static void packet_numbers(void)
{
	SAME(Machine, LINUX_REBOOT_CMD_RESTART);
	SAME(PacketNumbers, AF_PACKET);
	SAME(PacketNumbers, SOCK_RAW);
	SAME(PacketNumbers, SOCK_CLOEXEC);
	SAME(PacketNumbers, SOCK_NONBLOCK);
	SAME(PacketNumbers, SOL_SOCKET);
	SAME(PacketNumbers, SO_RCVBUF);
	SAME(PacketNumbers, SO_ERROR);
	SAME(PacketNumbers, SO_ATTACH_FILTER);
	SAME(PacketNumbers, SOL_PACKET);
	SAME(PacketNumbers, PACKET_ADD_MEMBERSHIP);
	SAME(PacketNumbers, PACKET_RX_RING);
	SAME(PacketNumbers, PACKET_STATISTICS);
	SAME(PacketNumbers, PACKET_VERSION);
	SAME(PacketNumbers, PACKET_RESERVE);
	SAME(PacketNumbers, PACKET_TIMESTAMP);
	SAME(PacketNumbers, PACKET_FANOUT);
	SAME(PacketNumbers, PACKET_IGNORE_OUTGOING);
	SAME(PacketNumbers, PACKET_MR_PROMISC);
	SAME(PacketNumbers, TPACKET_V3);
	SAME(PacketNumbers, ETH_P_ALL);
	SAME(PacketNumbers, TP_STATUS_KERNEL);
	SAME(PacketNumbers, TP_STATUS_USER);
	SAME(PacketNumbers, TP_STATUS_VLAN_VALID);
	SAME(PacketNumbers, TP_STATUS_VLAN_TPID_VALID);
	SAME(PacketNumbers, TP_STATUS_TS_RAW_HARDWARE);
	SAME(PacketNumbers, PACKET_HOST);
	SAME(PacketNumbers, PACKET_BROADCAST);
	SAME(PacketNumbers, PACKET_MULTICAST);
	SAME(PacketNumbers, PACKET_OTHERHOST);
	SAME(PacketNumbers, PACKET_OUTGOING);
	SAME(PacketNumbers, PACKET_FANOUT_HASH);
	SAME(PacketNumbers, PACKET_FANOUT_CPU);
	SAME(PacketNumbers, PACKET_FANOUT_FLAG_UNIQUEID);
	SAME(PacketNumbers, SOF_TIMESTAMPING_RAW_HARDWARE);
	SAME(PacketNumbers, ARPHRD_ETHER);
	SAME(PacketNumbers, ARPHRD_LOOPBACK);
	SAME(PacketNumbers, ARPHRD_NONE);
	SAME(PacketNumbers, ARPHRD_PPP);
	SAME(PacketNumbers, ARPHRD_TUNNEL);
	SAME(PacketNumbers, ARPHRD_TUNNEL6);
	SAME(PacketNumbers, ARPHRD_SIT);
	SAME(PacketNumbers, ARPHRD_IPGRE);
	CONSTANT(PacketNumbers, BPF_LD_W_ABS, BPF_LD | BPF_W | BPF_ABS);
	CONSTANT(PacketNumbers, BPF_JEQ_K, BPF_JMP | BPF_JEQ | BPF_K);
	CONSTANT(PacketNumbers, BPF_RET_K, BPF_RET | BPF_K);
	CONSTANT(PacketNumbers, SkfPacketType, (uint32_t)(SKF_AD_OFF + SKF_AD_PKTTYPE));
}

static void errors_and_files(void)
{
	SAME(LibC, POSIX_FADV_WILLNEED);
	SAME(LibC, RWF_NOWAIT);
	SAME(LibC, POSIX_FADV_DONTNEED);
	SAME(LibC, FALLOC_FL_KEEP_SIZE);
	SAME(LibC, SCHED_IDLE);
	SAME(LibC, SCHED_OTHER);
	SAME(LibC, IOPRIO_WHO_PROCESS);
	SAME(LibC, IOPRIO_CLASS_IDLE);
	SAME(LibC, IOPRIO_CLASS_SHIFT);
	SAME(LibC, SYS_ioprio_set);
	SAME(LibC, SYS_gettid);
	SAME(LibC, EPERM);
	SAME(LibC, ENOENT);
	SAME(LibC, ESRCH);
	SAME(LibC, EINTR);
	SAME(LibC, EIO);
	SAME(LibC, EAGAIN);
	SAME(LibC, ENOMEM);
	SAME(LibC, EACCES);
	SAME(LibC, EBUSY);
	SAME(LibC, EINVAL);
	SAME(LibC, ENOSPC);
	SAME(LibC, EPIPE);
	SAME(LibC, EROFS);
	SAME(LibC, EOPNOTSUPP);
	SAME(LibC, ENETDOWN);
	SAME(LibC, ETIME);
	SAME(LibC, ENOSYS);
	SAME(LibC, ENODEV);
	SAME(LibC, ENXIO);
	SAME(LibC, O_RDONLY);
	SAME(LibC, O_WRONLY);
	SAME(LibC, O_RDWR);
	SAME(LibC, O_CREAT);
	SAME(LibC, O_EXCL);
	SAME(LibC, O_DIRECT);
	SAME(LibC, O_CLOEXEC);
	SAME(StandardDescriptors, F_GETFD);
	SAME(StandardDescriptors, FD_CLOEXEC);
	SAME(LibC, O_DIRECTORY);
	SAME(LibC, O_NONBLOCK);
	SAME(LibC, SEEK_DATA);
	SAME(LibC, SEEK_HOLE);
	SAME(LibC, PROT_READ);
	SAME(LibC, PROT_WRITE);
	SAME(LibC, MAP_SHARED);
	SAME(LibC, MAP_PRIVATE);
	SAME(LibC, MAP_ANONYMOUS);
	SAME(LibC, MAP_NORESERVE);
	SAME(LibC, MAP_POPULATE);
	SAME(LibC, POLLIN);
	SAME(LibC, POLLOUT);
	SAME(LibC, S_IFMT);
	SAME(LibC, S_IFREG);
	SAME(LibC, S_IFDIR);
	SAME(LibC, S_IFIFO);
	SAME(LibC, S_IFSOCK);
	SAME(LibC, S_IFCHR);
	SAME(LibC, S_IFBLK);
	SAME(LibC, POLLERR);
	SAME(LibC, EPOLL_CLOEXEC);
	SAME(LibC, EPOLL_CTL_ADD);
	SAME(LibC, EPOLLIN);
	SAME(LibC, EPOLLERR);
	SAME(LibC, EPOLLET);
}

static void other_numbers(void)
{
	CONSTANT(Ethtool, GetDriverInfo, ETHTOOL_GDRVINFO);
	CONSTANT(Ethtool, GetTso, ETHTOOL_GTSO);
	CONSTANT(Ethtool, GetGso, ETHTOOL_GGSO);
	CONSTANT(Ethtool, GetFlags, ETHTOOL_GFLAGS);
	CONSTANT(Ethtool, SetFlags, ETHTOOL_SFLAGS);
	CONSTANT(Ethtool, GetGro, ETHTOOL_GGRO);
	CONSTANT(Ethtool, SetGro, ETHTOOL_SGRO);
	CONSTANT(Ethtool, GetTimestampInfo, ETHTOOL_GET_TS_INFO);
	CONSTANT(Ethtool, FlagTxVlan, ETH_FLAG_TXVLAN);
	CONSTANT(Ethtool, FlagRxVlan, ETH_FLAG_RXVLAN);
	CONSTANT(Ethtool, FlagLro, ETH_FLAG_LRO);
	CONSTANT(Ethtool, GetLinkSettings, ETHTOOL_GLINKSETTINGS);
	CONSTANT(Ethtool, SpeedUnknown, (uint32_t)SPEED_UNKNOWN);
	CONSTANT(Ethtool, DuplexHalf, DUPLEX_HALF);
	CONSTANT(Ethtool, DuplexFull, DUPLEX_FULL);
	SAME(Ethtool, SIOCETHTOOL);
	SAME(Ethtool, SIOCSHWTSTAMP);
	SAME(Ethtool, SIOCGHWTSTAMP);
	CONSTANT(Ethtool, MaxNameBytes, IFNAMSIZ - 1);

	SAME(LinkWatch, AF_NETLINK);
	SAME(LinkWatch, SOCK_RAW);
	SAME(LinkWatch, SOCK_CLOEXEC);
	SAME(LinkWatch, SOCK_NONBLOCK);
	SAME(LinkWatch, NETLINK_ROUTE);
	SAME(LinkWatch, RTMGRP_LINK);

	SAME(LinkControl, IFF_UP);
	SAME(LinkControl, AF_NETLINK);
	SAME(LinkControl, AF_INET);
	SAME(LinkControl, SOCK_RAW);
	SAME(LinkControl, SOCK_DGRAM);
	SAME(LinkControl, SOCK_CLOEXEC);
	SAME(LinkControl, SOCK_NONBLOCK);
	SAME(LinkControl, NETLINK_ROUTE);
	SAME(LinkControl, NLMSG_ERROR);
	SAME(LinkControl, NLMSG_DONE);
	SAME(LinkControl, RTM_NEWLINK);
	SAME(LinkControl, RTM_GETLINK);
	SAME(LinkControl, NLM_F_REQUEST);
	SAME(LinkControl, NLM_F_DUMP);
	SAME(LinkControl, IFLA_ADDRESS);
	SAME(LinkControl, IFLA_IFNAME);
	SAME(LinkControl, IFLA_MTU);
	SAME(LinkControl, IFLA_OPERSTATE);
	SAME(LinkControl, IFLA_STATS64);
	SAME(LinkControl, IFLA_CARRIER);
	CONSTANT(LinkControl, NameBytes, IFNAMSIZ);
	CONSTANT(LinkControl, HeadBytes, NLMSG_LENGTH(sizeof(struct ifinfomsg)));
	CONSTANT(LinkControl, AttributeHeadBytes, RTA_LENGTH(0));

	SAME(NetNamespace, CLONE_NEWNET);
	SAME(NetNamespace, NS_GET_NSTYPE);

	CONSTANT(ThreadPlacement, SetBytes, sizeof(cpu_set_t));
	CONSTANT(Pcap, ErrorBufferBytes, PCAP_ERRBUF_SIZE);
	SAME(Pcap, DLT_RAW);
	CONSTANT(Pcap, NetmaskUnknown, PCAP_NETMASK_UNKNOWN);
	CONSTANT(FilterProgram, EthernetLinkType, DLT_EN10MB);
}

int main(void)
{
	rings();
	sockets();
	interfaces();
	uring();
	packet_numbers();
	errors_and_files();
	other_numbers();
	module();
	return 0;
}
