/* SPDX-License-Identifier: Apache-2.0 */
/* /proc/net: the heads of the tables, and the one interface that is always there. */
#include "sentry/proc/tables.h"

#define SOCKET_HEAD                                                                               \
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout " \
    "inode"
#define SOCKET6_HEAD                                                                        \
    "  sl  local_address                         remote_address                        st " \
    "tx_queue "                                                                             \
    "rx_queue tr tm->when retrnsmt   uid  timeout inode"

const struct proc_entry proc_net[] = {
    PROC_TEXT("arp", 0444,
              "IP address       HW type     Flags       HW address            Mask     Device\n"),
    PROC_TEXT("dev", 0444,
              "Inter-|   Receive                                                |  Transmit\n"
              " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets "
              "errs drop fifo colls carrier compressed\n"
              "    lo:       0       0    0    0    0     0          0         0        0       0 "
              "   0    0    0     0       0          0\n"),
    PROC_TEXT("if_inet6", 0444, "00000000000000000000000000000001 01 80 10 80       lo\n"),
    PROC_TEXT("ipv6_route", 0444, ""),
    PROC_TEXT("netlink", 0444,
              "sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    "
              "Inode\n"),
    PROC_TEXT("packet", 0444, "sk               RefCnt Type Proto  Iface R Rmem   User   Inode\n"),
    PROC_TEXT("protocols", 0444,
              "protocol  size sockets  memory press maxhdr  slab module     cl co di ac io in de "
              "sh ss gs se re sp bi br ha uh gp em\n"),
    PROC_TEXT("raw", 0444, SOCKET_HEAD " ref pointer drops\n"),
    PROC_TEXT("raw6", 0444, SOCKET6_HEAD " ref pointer drops\n"),
    PROC_TEXT("route", 0444,
              "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT "
              "                                                      \n"),
    PROC_TEXT("tcp", 0444, SOCKET_HEAD "                                                     \n"),
    PROC_TEXT("tcp6", 0444, SOCKET6_HEAD "\n"),
    PROC_TEXT("udp", 0444, SOCKET_HEAD " ref pointer drops             \n"),
    PROC_TEXT("udp6", 0444, SOCKET6_HEAD " ref pointer drops\n"),
    PROC_TEXT("unix", 0444, "Num       RefCount Protocol Flags    Type St Inode Path\n"),
    PROC_END,
};
